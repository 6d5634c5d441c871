from clary_debugger.rules.rule import Rule

__all__ = ["Rule"]
