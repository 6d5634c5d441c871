"""AWS STS: who calls, and credentials that end. `session` gives a role's credentials to a job."""

from clary.services.sts import operations
from clary.services.sts.sessions import session

__all__ = ["operations", "session"]
