"""AWS IAM: who there is. Roles, users, their access keys and policies; requests are not yet held to policies.

A home starts with an account root's access key and the role `SageMakerRole` (`bootstrap`). The role that a
notebook names (`arn:aws:iam::123456789012:role/MySageMakerRole`) is made as on AWS, with CreateRole.
"""

from clary.services.iam import keys, policies, roles, simulation, users
from clary.services.iam.bootstrap import CREDENTIALS, ROLE, bootstrap
from clary.services.iam.entities import role_exists

__all__ = [
    "CREDENTIALS",
    "ROLE",
    "bootstrap",
    "keys",
    "policies",
    "role_exists",
    "roles",
    "simulation",
    "users",
]
