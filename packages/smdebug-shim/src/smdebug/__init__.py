"""smdebug's names, for programs that read what jobs saved; all of it is `clary_debugger`."""

from clary_debugger.collections import CollectionKeys
from clary_debugger.modes import ModeKeys
from clary_debugger.modes import ModeKeys as modes

from . import exceptions, trials

__version__ = "1.0.34+clary"
__all__ = ["CollectionKeys", "ModeKeys", "exceptions", "modes", "trials"]
