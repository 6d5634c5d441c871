"""sagemaker-runtime: invocations. No database: a route in memory, a worker's socket, and back."""

from clary.services.runtime import invoke

__all__ = ["invoke"]
