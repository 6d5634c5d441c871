"""How unchanged client programs reach Clary: their environment, the hook in their Python, and a TLS proxy."""

from clary.clients.connection import Connection, NotServing, discover
from clary.clients.environment import environment, hook_path

__all__ = ["Connection", "NotServing", "discover", "environment", "hook_path"]
