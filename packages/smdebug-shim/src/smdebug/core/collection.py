from clary_debugger.collections import Collection, CollectionKeys

__all__ = ["Collection", "CollectionKeys"]
