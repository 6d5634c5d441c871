from clary_debugger.trial import create_trial

__all__ = ["create_trial"]
