"""The numbers that stand for a tensor, and the names under which the hook saves them.

smdebug gives NumPy's matrix norms for l1 and l2, which fail above two dimensions, where its PyTorch hook gives
those of the flat tensor; here they are always the latter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .exceptions import SMDebugValueError

PREFIX = "smdebug/reductions/"
REDUCTIONS: Mapping[str, Callable[[np.ndarray], Any]] = {
    "min": np.min,
    "max": np.max,
    "mean": np.mean,
    "std": np.std,
    "variance": np.var,
    "sum": np.sum,
    "prod": np.prod,
    "l1": lambda values: np.linalg.norm(values.reshape(-1), ord=1),
    "l2": lambda values: np.linalg.norm(values.reshape(-1), ord=2),
}


def reduced(name: str, values: np.ndarray, absolute: bool = False) -> Any:
    """Raises `SMDebugValueError` for a name that is none."""
    if name not in REDUCTIONS:
        raise SMDebugValueError(f"Invalid reduction type {name}")
    return REDUCTIONS[name](np.abs(values) if absolute else values)


def parse(name: str) -> tuple[str, str, bool] | None:
    """Tensor, reduction, and whether it is of absolute values; None for what is no reduction's name."""
    if PREFIX not in name:
        return None
    reduction, _, tensor = name.split(PREFIX, 1)[1].partition("/")
    absolute = reduction.startswith("abs_")
    return tensor, reduction.removeprefix("abs_"), absolute
