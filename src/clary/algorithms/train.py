"""`python train.py ALGORITHM`: what a training job on a built-in algorithm's image runs.

Reads ML/input/config and ML/input/data, writes ML/model. What the user can cure ends it with code 2 and goes to
ML/output/failure as `ClientError: ...`, which becomes the job's FailureReason.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

if not __package__:  # run as a script: this folder is the package, and nothing beside it is to be imported
    _here = Path(__file__).resolve().parent
    _spec = importlib.util.spec_from_file_location(
        "clary_algorithms", _here / "__init__.py", submodule_search_locations=[str(_here)]
    )
    assert _spec is not None
    sys.modules["clary_algorithms"] = importlib.util.module_from_spec(_spec)
    __package__ = "clary_algorithms"

from .declaration import Algorithm
from .errors import CustomerError
from .hyperparameters import validate
from .log import Log
from .tables import find


def main(name: str, ml: Path) -> int:
    """The exit code."""
    try:
        run(name, ml)
    except CustomerError as error:
        message = f"ClientError: {error}"
        (ml / "output").mkdir(parents=True, exist_ok=True)
        (ml / "output" / "failure").write_text(message, encoding="utf-8")
        print(f"Customer Error: {error}", file=sys.stderr, flush=True)
        return 2
    return 0


def run(name: str, ml: Path) -> None:
    """Raises `CustomerError`."""
    algorithm = find(name)
    if algorithm is None:
        raise CustomerError(f"There is no algorithm {name!r}.")
    config = {each: _config(ml, each) for each in ("hyperparameters", "inputdataconfig", "resourceconfig")}
    resources = config["resourceconfig"]
    log = Log(resources.get("current_host", "algo-1"))
    if log.host != resources.get("hosts", [log.host])[0]:
        log.say("One host trains with all of the data; this one has nothing to do.")
        return
    log.say(f"Running {algorithm.name} with {config['hyperparameters']}")
    params = validate(algorithm.hyperparameters, config["hyperparameters"])
    algorithm.check_channels(config["inputdataconfig"])
    channels = read_channels(algorithm, params, ml, config["inputdataconfig"], log)
    module = importlib.import_module(f".{algorithm.module}", __package__)
    model = module.train(params, channels, log)
    folder = ml / "model"
    folder.mkdir(parents=True, exist_ok=True)
    from . import models

    getattr(module, "save", models.save)(model, folder)
    log.say("Training is done; the model is written.")


def read_channels(
    algorithm: Algorithm, params: dict[str, Any], ml: Path, inputs: dict[str, dict[str, str]], log: Log
) -> dict[str, Any]:
    """Tables by channel, their values finite, their width `feature_dim`. Raises `CustomerError`."""
    from . import data

    found = {}
    for name, channel in inputs.items():
        found[name] = table = data.read_channel(
            ml / "input" / "data" / name, channel, default=algorithm.default_type, labelled=algorithm.labelled,
            weighted=params.get("csv_weights") == 1,
        )  # fmt: skip
        data.check_finite(table, name, missing=algorithm.missing)
        log.say(f"Channel {name}: {table.features.shape[0]} rows of {table.features.shape[1]} features")
    width = params.get("feature_dim", "auto")
    given = found["train"].features.shape[1]
    if width != "auto" and given != width:
        raise CustomerError(
            f"The feature dimension {given} of the training data is not the hyperparameter feature_dim, {width}. "
            "A CSV without labels needs ContentType 'text/csv;label_size=0', one with labels 'text/csv;label_size=1'."
        )
    return found


def _config(ml: Path, name: str) -> dict[str, Any]:
    path = ml / "input" / "config" / f"{name}.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(os.environ.get("CLARY_ML_ROOT", "/opt/ml"))))
