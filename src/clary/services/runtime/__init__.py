"""sagemaker-runtime: invocations. No database: a route in memory, a worker's socket, and back."""

from clary.services.runtime import async_invoke, invoke, stream

__all__ = ["async_invoke", "invoke", "stream"]
