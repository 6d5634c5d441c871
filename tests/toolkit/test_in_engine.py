"""A script-mode job as the process engine runs it, in a sandbox and without."""

from __future__ import annotations

import asyncio
import json
import sys
import tarfile
from pathlib import Path
from typing import Literal

import pytest

from clary.engines import TOOLKIT, toolkit_path, train_command
from clary.engines.ports import ContainerSpec, Mount, Observation
from clary.engines.process import ProcessEngine
from clary.engines.sandbox import HOME, sandbox_report

SCRIPT = """
import argparse, os, click
parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int)
parser.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
parser.add_argument("--train", default=os.environ["SM_CHANNEL_TRAINING"])
args = parser.parse_args()
data = open(os.path.join(args.train, "data.csv")).read()
with open(os.path.join(args.model_dir, "model.txt"), "w") as file:
    file.write(data * args.epochs)
print("wrote", args.model_dir, os.environ["GREETING"], os.path.expanduser("~"))
"""


@pytest.mark.parametrize("use", ["always", "never"])
def test_trains(tmp_path: Path, use: Literal["always", "never"]) -> None:
    report = sandbox_report()
    if use == "always" and report.bwrap is None:
        pytest.skip(report.reason)
    ml = tmp_path / "ml"
    for name in ("input/config", "input/data/training", "input/source", "model", "code"):
        (ml / name).mkdir(parents=True)
    (ml / "input/data/training/data.csv").write_text("1,2\n")
    hyperparameters = {"sagemaker_program": '"train.py"', "epochs": "2"}
    (ml / "input/config/hyperparameters.json").write_text(json.dumps(hyperparameters))
    (ml / "input/config/inputdataconfig.json").write_text(json.dumps({"training": {}}))
    (tmp_path / "train.py").write_text(SCRIPT)
    with tarfile.open(ml / "input/source/sourcedir.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "train.py", "train.py")
    prefixes = {path for path in (sys.prefix, sys.base_prefix) if not path.startswith("/usr")}
    spec = ContainerSpec(
        "job", train_command(Path(sys.executable)), tmp_path / "run",
        (Mount(ml, "/opt/ml", writable=True), Mount(toolkit_path(), TOOLKIT), *(Mount(Path(p), p) for p in prefixes)),
        {"PATH": "/usr/bin:/bin", "HOME": HOME, "GREETING": "hello", "CLARY_ML_ROOT": "/opt/ml"},
    )  # fmt: skip
    engine = ProcessEngine(tmp_path, sandbox=use)

    async def work() -> tuple[Observation, str]:
        async for state in engine.launch(spec):  # noqa: B007 - the last one stands
            pass
        return await engine.wait(state), engine.log_path(state).read_text().partition(" ")[2]

    seen, said = asyncio.run(work())
    root, home = ("/opt/ml", HOME) if use == "always" else (str(ml), str(tmp_path / "run" / "home"))
    assert (seen.code, said) == (0, f"wrote {root}/model hello {home}\n")
    assert (ml / "model" / "model.txt").read_text() == "1,2\n1,2\n"
