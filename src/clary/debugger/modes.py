"""Modes of a step, and what may be said of a step."""

from __future__ import annotations

from enum import Enum


class ModeKeys(Enum):
    TRAIN = 1
    EVAL = 2
    PREDICT = 3
    GLOBAL = 4
    """Of steps: all modes' steps, counted together."""


class StepState(Enum):
    UNAVAILABLE = 0
    """It was not saved, and will not be."""
    AVAILABLE = 1
    """All workers that save have saved it."""
    NOT_YET_AVAILABLE = 2
