from clary_debugger.exceptions import *  # noqa: F403
