"""Rules that users write, and what invokes them on a trial."""

from clary_debugger.rules.rule import Rule, invoke_rule

__all__ = ["Rule", "invoke_rule"]
