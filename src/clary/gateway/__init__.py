"""The ASGI edge: one port for all services."""

from clary.gateway.app import Gateway
from clary.gateway.chain import Extension

__all__ = ["Extension", "Gateway"]
