"""Bytes to parameters and back, driven by the service models that botocore ships. No I/O."""
