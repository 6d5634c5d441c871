from clary_debugger.modes import StepState
from clary_debugger.tensor import Tensor

__all__ = ["StepState", "Tensor"]
