"""What runs in an evaluation's container: `python program.py ML`, where ML is /opt/ml.

ML/input/config/ruleconfig.json      the rule's name and parameters, the trial's name
ML/input/config/job_ended            appears when the job can save nothing more
ML/input/data/tensors                the trial, filled while the job trains; .../other_trials/NAME: others
ML/code/*.py                         a user's rule
ML/output/message                    what was found, in a sentence
ML/output/reports                    pages, for S3
ML/output/failure                    why the rule could not judge; the exit code is 1 then
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import sys
import types
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

if not __package__:  # run as a script, from a folder that holds the debugger's package
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    __package__ = "debugger.rules"

from .. import exceptions, modes, trial
from ..format import places
from ..profiler import catalog as profiler_rules
from ..profiler import evaluate as profiler
from ..profiler.profile import Profiles
from . import evaluate, rule
from .catalog import UnknownRule, find

NOTHING = (
    "No tensors were saved, so there is nothing to judge: the job ended before its first step, or neither a hook nor "
    "the program itself saved any."
)


class CannotJudge(Exception):
    """The message says why."""


def main(ml: Path) -> int:
    os.nice(10)
    output = ml / "output"
    config = json.loads((ml / "input/config/ruleconfig.json").read_text(encoding="utf-8"))
    try:
        said = judge(config, ml, output / "reports")
    except (CannotJudge, UnknownRule, ValueError, OSError) as error:
        (output / "failure").write_text(str(error), encoding="utf-8")
        print(f"{config['rule']}: {error}")
        return 1
    (output / "message").write_text(said, encoding="utf-8")
    print(said)
    return 0


def judge(config: dict[str, Any], ml: Path, reports: Path) -> str:
    """Raises `CannotJudge`, `UnknownRule`, and `ValueError` for a bad parameter."""
    ended = partial(has_ended, ml)
    if config["profiler"] and not config["parameters"].get("source_s3_uri"):
        return profiled(config, ml, ended, reports)
    base = trial.create_trial(str(ml / "input/data/tensors"), name=config["trial"])
    others = [
        trial.create_trial(str(folder), name=folder.name)
        for folder in sorted((ml / "input/data/other_trials").iterdir())
    ]
    looker = load(config, ml / "code", base, others)
    print(f"Evaluating {looker.name} on {config['trial']}")
    found = evaluate.evaluate(base, looker, ended)
    looker.finish(reports)
    if found is not None:
        return str(found)
    steps = base.steps()
    if not steps:
        raise CannotJudge(NOTHING)
    return f"{looker.name} looked at {len(steps)} steps, up to {steps[-1]}, and found no issue."


def has_ended(ml: Path) -> bool:
    """Of a job that died without its end file, the last steps are as complete as they get: the trial is told so."""
    ended = (ml / "input/config/job_ended").exists()
    if ended:
        (ml / "input/data/tensors" / places.END).touch()
    return ended


def profiled(config: dict[str, Any], ml: Path, ended: Callable[[], bool], reports: Path) -> str:
    """Raises `CannotJudge`, `UnknownRule`, and `ValueError` for a bad parameter."""
    made = profiler_rules.find(config["rule"]).of(config["parameters"])
    profiles = Profiles(ml / "input/data/profiler", ml / "input/data/tensors")
    print(f"Evaluating {config['rule']} on {config['trial']}")
    try:
        return profiler.evaluate(profiles, made, ended, reports, config["trial"])
    except profiler.NothingRecorded as error:
        raise CannotJudge(str(error)) from None


def load(config: dict[str, Any], code: Path, base: trial.Trial, others: list[trial.Trial]) -> evaluate.Looker:
    parameters: dict[str, str] = config["parameters"]
    if parameters.get("source_s3_uri"):
        return custom(
            config["rule"], code / parameters["source_s3_uri"].rsplit("/", 1)[-1], parameters, base, others
        )
    return evaluate.BuiltIn(find(config["rule"]).of(parameters), base, others)


def custom(
    name: str, source: Path, parameters: dict[str, str], base: trial.Trial, others: list[trial.Trial]
) -> evaluate.Custom:
    """A user's subclass of `smdebug.rules.rule.Rule`. Parameters are text, as on AWS; the constructor gets those that
    it names. Raises `CannotJudge`."""
    lend_smdebug()
    try:
        spec = importlib.util.spec_from_file_location("user_rule", source)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["user_rule"] = module
        spec.loader.exec_module(module)
        made = getattr(module, name, None)
        if made is None:
            raise CannotJudge(f"{source.name} has no rule {name}.")
        takes = inspect.signature(made).parameters
        given: dict[str, Any] = {key: value for key, value in parameters.items() if key in takes}
        if "other_trials" in takes:
            given["other_trials"] = others
        return evaluate.Custom(made(base, **given))
    except CannotJudge:
        raise
    except Exception as error:
        raise CannotJudge(f"{source.name}: {type(error).__name__}: {error}") from error


def lend_smdebug() -> None:
    """`smdebug`'s names for what users' rules import, where smdebug itself is not installed."""
    if importlib.util.find_spec("smdebug") is not None:
        return
    lent = {
        "smdebug": trial, "smdebug.trials": trial, "smdebug.exceptions": exceptions, "smdebug.modes": modes,
        "smdebug.rules": rule, "smdebug.rules.rule": rule, "smdebug.rules.rule_invoker": rule,
    }  # fmt: skip
    for name, source in lent.items():
        module = types.ModuleType(name)
        module.__dict__.update(
            {key: value for key, value in vars(source).items() if not key.startswith("__")}
        )
        module.__path__ = []
        sys.modules[name] = module
    sys.modules["smdebug"].__dict__["modes"] = modes.ModeKeys


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
