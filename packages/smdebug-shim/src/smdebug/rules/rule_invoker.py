from clary_debugger.rules.rule import invoke_rule

__all__ = ["invoke_rule"]
