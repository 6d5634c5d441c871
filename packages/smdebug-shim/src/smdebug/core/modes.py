from clary_debugger.modes import ModeKeys

__all__ = ["ModeKeys"]
