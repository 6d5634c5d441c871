"""How unchanged client programs reach Clary: their environment, the hook in their Python, and a TLS proxy."""

from clary.clients.connection import Connection, NotServing, discover
from clary.clients.environment import HOOK, environment

__all__ = ["HOOK", "Connection", "NotServing", "discover", "environment"]
