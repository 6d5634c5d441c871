"""A folder for PYTHONPATH: `sitecustomize` and the package `clary_debug`, Clary's hook in jobs."""
