"""How a built-in algorithm's model answers: the two functions of a serving toolkit, and their parts.

model = model_fn("/opt/ml/model")
body, content_type = transform_fn(model, b"1,2\\n3,4", "text/csv", "application/json")
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

from . import models
from .answers import encode, encode_scores
from .data import read
from .declaration import type_parameters
from .errors import CustomerError
from .tables import find


def model_fn(model_dir: str) -> Any:
    """The model that a training job left. Raises `CustomerError` where there is none."""
    folder = Path(model_dir)
    if (folder / models.FILE).exists():
        return models.load(folder)
    if importlib.util.find_spec("xgboost") is not None:
        from . import xgboost_trees

        return xgboost_trees.load(folder)
    raise CustomerError(f"The model's archive has no {models.FILE}: it is not of a built-in algorithm.")


def transform_fn(model: Any, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
    """Answer a request: body and content type. A CSV has features alone.

    Raises `UnsupportedContent` (HTTP 415) for a type that is not read or not written, `CustomerError` (HTTP 400)
    for a body that is not of its type or not of the model's width.
    """
    algorithm = find(model.algorithm)
    assert algorithm is not None
    data = body.encode() if isinstance(body, str) else bytes(body)
    table = read(data, content_type or "text/csv", labelled=False)
    module = importlib.import_module(f".{algorithm.module}", __package__)
    answer = module.predict(model, table.features, type_parameters(accept))
    return encode_scores(answer, accept) if algorithm.name == "xgboost" else encode(answer, accept)
