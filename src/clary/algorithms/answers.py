"""An algorithm's answer as the bytes that AWS's containers send."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

from .declaration import CSV, JSON, JSONLINES, RECORDIO, base_type
from .errors import UnsupportedContent
from .models import Answer

KINDS = (JSON, JSONLINES, RECORDIO, CSV, "*/*", "application/*")


def encode(answer: Answer, accept: str) -> tuple[bytes, str]:
    """Body and content type. Raises `UnsupportedContent`."""
    kind = next((kind for kind in map(base_type, (accept or JSON).split(",")) if kind in KINDS), "")
    rows = _rows(answer)
    if kind in (JSON, "*/*", "application/*"):
        return json.dumps({answer.key: rows}).encode(), JSON
    if kind == JSONLINES:
        return "".join(json.dumps(row) + "\n" for row in rows).encode(), JSONLINES
    if kind == RECORDIO:
        from .formats.recordio import write

        return write(rows), RECORDIO
    if kind == CSV:
        return "".join(",".join(_cells(row)) + "\n" for row in rows).encode(), CSV
    raise UnsupportedContent(f"Accept type {accept!r} is not supported.")


def encode_scores(answer: Answer, accept: str) -> tuple[bytes, str]:
    """XGBoost's way: text unless something else is asked for, its scores separated by commas, or in a batch
    transform by lines."""
    kind = next((kind for kind in map(base_type, accept.split(",")) if kind in KINDS), "")
    if kind in (JSON, JSONLINES, RECORDIO):
        return encode(answer, accept)
    if accept and kind not in (CSV, "*/*"):
        raise UnsupportedContent(f"Accept type {accept!r} is not supported.")
    scores = map(str, answer.columns["score"].tolist())
    lines = os.environ.get("SAGEMAKER_BATCH", "").lower() == "true"
    return ("\n".join(scores) + "\n" if lines else ",".join(scores)).encode(), CSV


def _rows(answer: Answer) -> list[dict[str, Any]]:
    columns = {name: np.asarray(values).tolist() for name, values in answer.columns.items()}
    count = len(next(iter(columns.values())))
    return [{name: values[index] for name, values in columns.items()} for index in range(count)]


def _cells(row: dict[str, Any]) -> list[str]:
    found = []
    for value in row.values():
        found += [repr(each) for each in value] if isinstance(value, list) else [repr(value)]
    return found
