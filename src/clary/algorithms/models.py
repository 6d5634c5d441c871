"""A model as a file: `model_algo-1`, a zip of arrays (NumPy's .npz) with its facts as JSON among them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .formats import Array

FILE = "model_algo-1"


@dataclass(frozen=True)
class Model:
    algorithm: str
    facts: dict[str, Any]
    """What JSON can hold."""
    arrays: dict[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """Predictions as columns: each (rows,) or (rows, n)."""

    columns: dict[str, Array]
    key: str = "predictions"
    """The JSON document's member."""


def save(model: Model, folder: Path) -> None:
    facts = json.dumps({"algorithm": model.algorithm, **model.facts})
    with (folder / FILE).open("wb") as file:
        np.savez(file, facts=np.array(facts), **model.arrays)


def load(folder: Path) -> Model:
    with np.load(folder / FILE, allow_pickle=False) as found:
        facts = json.loads(str(found["facts"]))
        arrays = {name: found[name] for name in found.files if name != "facts"}
    return Model(facts.pop("algorithm"), facts, arrays)
