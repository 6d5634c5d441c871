"""What is served: a LogisticRegression on one CSV row of 20 floats, answered in JSON; beside it an echo of 1 MB."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROW = ",".join(f"{n / 7:.4f}" for n in range(20)).encode()
LARGE = b"x" * (1 << 20)
CSV, BYTES = "text/csv", "application/octet-stream"

TRAIN = """
import joblib, numpy, sys
from sklearn.linear_model import LogisticRegression
rng = numpy.random.default_rng(1)
x = rng.normal(size=(500, 20))
joblib.dump(LogisticRegression().fit(x, x[:, 0] > 0), sys.argv[1])
"""
SCRIPT = """
import json, os
import joblib
import numpy

def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))

def scores(model, text):
    rows = numpy.array([[float(cell) for cell in line.split(",")] for line in text.splitlines()])
    return {"predictions": [{"score": row[1]} for row in model.predict_proba(rows).tolist()]}

def transform_fn(model, body, content_type, accept):
    if content_type == "application/octet-stream":
        return body, content_type
    return json.dumps(scores(model, body)), "application/json"
"""
"""An endpoint's `inference.py`, and what all the others call."""


def train(folder: Path, python: str) -> None:
    subprocess.run([python, "-c", TRAIN, str(folder / "model.joblib")], check=True)


def loaded(folder: str | Path) -> Callable[[str], dict[str, Any]]:
    """The handler for servers that make JSON of a dict themselves."""
    module: dict[str, Any] = {}
    exec(SCRIPT, module)
    model = module["model_fn"](str(folder))
    return lambda text: module["scores"](model, text)


def transform(folder: str | Path) -> Callable[[bytes, str], bytes]:
    """The handler as a function of body and content type."""
    module: dict[str, Any] = {}
    exec(SCRIPT, module)
    model = module["model_fn"](str(folder))

    def handle(body: bytes, kind: str) -> bytes:
        made = module["transform_fn"](model, body if kind == BYTES else body.decode(), kind, "*/*")[0]
        return made if isinstance(made, bytes) else made.encode()

    return handle
