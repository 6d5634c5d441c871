from clary_debugger.trial import Trial, create_trial

from . import utils

__all__ = ["Trial", "create_trial", "utils"]
