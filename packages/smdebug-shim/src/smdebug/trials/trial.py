from clary_debugger.trial import Trial

__all__ = ["Trial"]
