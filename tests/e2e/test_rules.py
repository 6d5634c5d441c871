"""Debugger's rules on real trainings: judged while they train, acted on, and shown by DescribeTrainingJob.

The programs train with NumPy alone and save through the writer that every hook uses.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.jobs import BUCKET, Jobs
from tests.support.process import IMAGE

from clary.clients.calls import Calls, Refused

TRAIN = """
import argparse, os, time
import numpy as np
from clary_debug.format import writer

parser = argparse.ArgumentParser()
parser.add_argument("--learning-rate", type=float, default=0.1)
parser.add_argument("--steps", type=int, default=40)
parser.add_argument("--samples", type=int, default=4000)
parser.add_argument("--features", type=int, default=4)
parser.add_argument("--depth", type=int, default=1)
parser.add_argument("--forever", type=int, default=0)
parser.add_argument("--stall", type=int, default=0)
given = parser.parse_args()
folder = os.path.join(os.environ.get("CLARY_ML_ROOT", "/opt/ml"), "output", "tensors")
names = {"losses": ["loss"], "gradients": ["^gradient/"], "weights": ["^weight/"]}
writer.write_collections(folder, {
    name: {"name": name, "include_regex": found, "tensor_names": []} for name, found in names.items()})

random = np.random.default_rng(0)
truth = random.normal(size=given.features)
def data(count):
    x = random.normal(size=(count, given.features))
    return x, x @ truth + random.normal(size=count)
x, y = data(given.samples)
x_val, y_val = data(4000)
weights = [random.normal(size=given.features) * 0.1] + [np.array([0.02]) for _ in range(given.depth - 1)]

step = [0]
modes = {}
def save(mode, **tensors):
    file = writer.StepFile(folder, step[0])
    for name, value in tensors.items():
        file.add(name.replace("__", "/"), value, mode, modes.get(mode, 0), time.time())
    file.close()
    step[0] += 1
    modes[mode] = modes.get(mode, 0) + 1

scale = lambda: np.prod([w[0] for w in weights[1:]]) if given.depth > 1 else 1.0
with np.errstate(all="ignore"):
    n = 0
    while n < given.steps or given.forever:
        error = x @ weights[0] * scale() - y
        gradient = 2 * x.T @ error / len(y) * scale()
        loss = float(np.mean(error ** 2))
        save("TRAIN", loss=loss, gradient__w=gradient, weight__w=weights[0])
        weights[0] = weights[0] - given.learning_rate * gradient
        if n % 5 == 4:
            save("EVAL", loss=float(np.mean((x_val @ weights[0] * scale() - y_val) ** 2)))
        n += 1
        if given.forever:
            time.sleep(0.02)
print("trained", loss)
time.sleep(given.stall)
"""

ENDED = ("NoIssuesFound", "IssuesFound", "Error", "Stopped")


def rule(name: str, **parameters: Any) -> dict[str, Any]:
    text = {key: str(value) for key, value in parameters.items()}
    return {
        "RuleConfigurationName": name,
        "RuleEvaluatorImage": IMAGE,
        "RuleParameters": {"rule_to_invoke": name, **text},
    }


def request(*rules: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "DebugHookConfig": {"S3OutputPath": f"s3://{BUCKET}/tensors"},
        "DebugRuleConfigurations": list(rules),
        **changes,
    }


def judged(jobs: Jobs, name: str) -> dict[str, dict[str, Any]]:
    """The job's rules by name, once all of them have ended."""
    until = time.monotonic() + 120
    while True:
        found = jobs.describe(name)["DebugRuleEvaluationStatuses"]
        if all(each["RuleEvaluationStatus"] in ENDED for each in found):
            return {each["RuleConfigurationName"]: each for each in found}
        assert time.monotonic() < until, (found, jobs.clary.log[-4000:])
        time.sleep(0.1)


def test_a_sound_training_passes_its_rules(jobs: Jobs) -> None:
    names = ("LossNotDecreasing", "Overfit", "VanishingGradient", "ExplodingTensor")
    name = jobs.start(TRAIN, **request(*map(rule, names)))
    first = jobs.describe(name)["DebugRuleEvaluationStatuses"]
    assert [each["RuleConfigurationName"] for each in first] == list(names)
    assert {each["RuleEvaluationStatus"] for each in first} <= {"InProgress", "NoIssuesFound"}
    assert all(":processing-job/" in each["RuleEvaluationJobArn"] for each in first)
    job = jobs.wait(name)
    assert job["TrainingJobStatus"] == "Completed", (job, jobs.lines(name))
    found = judged(jobs, name)
    assert {each["RuleEvaluationStatus"] for each in found.values()} == {"NoIssuesFound"}, found
    assert "looked at 48 steps" in found["Overfit"]["StatusDetails"]


TRIPS = [
    ("LossNotDecreasing", {"learning-rate": 0.0, "steps": 100}, "after"),
    ("Overfit", {"samples": 30, "features": 25, "steps": 300}, "exceeds the training loss"),
    ("VanishingGradient", {"depth": 6}, r"gradient/w"),
    ("ExplodingTensor", {"learning-rate": 5.0, "steps": 400}, "NaN or infinite"),
]


@pytest.mark.parametrize(("name", "hyperparameters", "words"), TRIPS, ids=[trip[0] for trip in TRIPS])
def test_a_training_that_trips_a_rule(
    jobs: Jobs, name: str, hyperparameters: dict[str, Any], words: str
) -> None:
    job = jobs.run(TRAIN, hyperparameters=hyperparameters, **request(rule(name)))
    assert job["TrainingJobStatus"] == "Completed", "without an action, the training goes on"
    found = judged(jobs, job["TrainingJobName"])[name]
    assert found["RuleEvaluationStatus"] == "IssuesFound", found
    assert found["StatusDetails"].startswith(
        f"RuleEvaluationConditionMet: Evaluation of the rule {name} at step"
    )
    assert words in found["StatusDetails"]


class Hooked(BaseHTTPRequestHandler):
    seen: list[dict[str, Any]]

    def do_POST(self) -> None:
        self.seen.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    seen: list[dict[str, Any]] = []
    server = HTTPServer(("127.0.0.1", 0), type("Handler", (Hooked,), {"seen": seen}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/rules", seen
    server.shutdown()
    thread.join()
    server.server_close()


def test_stop_training_stops_a_job_that_would_never_end(
    jobs: Jobs, webhook: tuple[str, list[dict[str, Any]]]
) -> None:
    url, seen = webhook
    given = jobs.request(TRAIN, hyperparameters={"learning-rate": 0.0, "forever": 1})
    name = given["TrainingJobName"]
    actions = (
        f'[{{\\"training_job_prefix\\": \\"{name}\\", \\"name\\": \\"stoptraining\\"}}, '
        f'{{\\"endpoint\\": \\"a@b.com\\", \\"name\\": \\"email\\"}}, '
        f'{{\\"endpoint\\": \\"{url}\\", \\"name\\": \\"webhook\\"}}]'
    )
    stopping = rule("LossNotDecreasing", action_json=actions)
    jobs.sagemaker.create_training_job(**given, **request(stopping))
    job = jobs.wait(name)
    assert job["TrainingJobStatus"] == "Stopped"
    found = judged(jobs, name)["LossNotDecreasing"]
    assert found["RuleEvaluationStatus"] == "IssuesFound"
    assert f"StopTraining: {name} is stopped." in found["StatusDetails"]
    assert "E-mail to a@b.com: recorded here; Clary sends none." in found["StatusDetails"]
    assert f"Webhook {url}: delivered, answered 204." in found["StatusDetails"]
    (told,) = seen
    assert (told["TrainingJobName"], told["RuleConfigurationName"]) == (name, "LossNotDecreasing")


def test_a_training_that_stalls_is_stopped_and_one_that_goes_on_is_not(jobs: Jobs) -> None:
    stalled = rule("StalledTrainingRule", threshold=2, stop_training_on_fire="True")
    name = jobs.start(TRAIN, hyperparameters={"stall": 600}, **request(stalled))
    assert jobs.wait(name)["TrainingJobStatus"] == "Stopped"
    found = judged(jobs, name)["StalledTrainingRule"]
    assert "no tensor was saved for 2 seconds" in found["StatusDetails"]
    assert f"StopTraining: {name} is stopped." in found["StatusDetails"]
    patient = rule("StalledTrainingRule", threshold=300, stop_training_on_fire="True")
    job = jobs.run(TRAIN, hyperparameters={"stall": 1}, **request(patient))
    assert job["TrainingJobStatus"] == "Completed"
    assert (
        judged(jobs, job["TrainingJobName"])["StalledTrainingRule"]["RuleEvaluationStatus"] == "NoIssuesFound"
    )


CUSTOM = """
from smdebug.rules.rule import Rule

class LargeLoss(Rule):
    def __init__(self, base_trial, threshold="1.0"):
        super().__init__(base_trial, action_str="")
        self.threshold = float(threshold)

    def set_required_tensors(self, step):
        for name in self.base_trial.tensor_names(collection="losses"):
            self.req_tensors.add(name, steps=[step])

    def invoke_at_step(self, step):
        return any(tensor.value(step) > self.threshold for tensor in self.req_tensors.get())
"""


def test_custom_rules_judge_with_smdebugs_interface(jobs: Jobs) -> None:
    jobs.s3.put_object(Bucket=BUCKET, Key="rules/large_loss.py", Body=CUSTOM.encode())
    jobs.s3.put_object(Bucket=BUCKET, Key="rules/broken.py", Body=b"import nowhere")
    source = f"s3://{BUCKET}/rules/large_loss.py"
    rules = [
        {
            **rule("LargeLoss", source_s3_uri=source, threshold=limit),
            "RuleConfigurationName": f"above-{limit}",
        }
        for limit in ("0.001", "1e9")
    ]
    rules.append(rule("Broken", source_s3_uri=f"s3://{BUCKET}/rules/broken.py"))
    job = jobs.run(TRAIN, **request(*rules))
    found = judged(jobs, job["TrainingJobName"])
    assert {name: each["RuleEvaluationStatus"] for name, each in found.items()} == {
        "above-0.001": "IssuesFound", "above-1e9": "NoIssuesFound", "Broken": "Error",
    }  # fmt: skip
    assert "No module named 'nowhere'" in found["Broken"]["StatusDetails"]


def test_what_cannot_be_judged_says_why(jobs: Jobs) -> None:
    rules = [rule("Overfit"), rule("TreeDepth", dept=3), rule("NoSuchRule")]
    job = jobs.run("raise SystemExit(3)", **request(*rules))
    assert job["TrainingJobStatus"] == "Failed"
    found = judged(jobs, job["TrainingJobName"])
    assert {each["RuleEvaluationStatus"] for each in found.values()} == {"Error"}
    assert "No tensors were saved" in found["Overfit"]["StatusDetails"]
    assert "TreeDepth has no parameter 'dept'. Known: depth" in found["TreeDepth"]["StatusDetails"]
    assert "There is no built-in rule 'NoSuchRule'" in found["NoSuchRule"]["StatusDetails"]
    jobs.sagemaker.delete_training_job(TrainingJobName=job["TrainingJobName"])


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("two of one name", request(rule("AllZero"), rule("AllZero")), "'AllZero' is there 2 times"),
    ("no hook", {"DebugRuleConfigurations": [rule("AllZero")]}, "need a DebugHookConfig"),
    ("bad actions", request(rule("AllZero", action_json='[{"name": "fax"}]')), "no action with a name of"),
]


@pytest.mark.parametrize(
    ("changes", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_what_is_refused(jobs: Jobs, changes: dict[str, Any], words: str) -> None:
    given = jobs.request(**changes)
    with pytest.raises(ClientError, match="ValidationException") as raised:
        jobs.sagemaker.create_training_job(**given)
    assert words in raised.value.response["Error"]["Message"]
    with pytest.raises(ClientError):
        jobs.describe(given["TrainingJobName"])


def test_rules_run_afterwards_on_an_old_job(jobs: Jobs) -> None:
    job = jobs.run(
        TRAIN, hyperparameters={"learning-rate": 0.0}, DebugHookConfig=request()["DebugHookConfig"]
    )
    name = job["TrainingJobName"]
    assert "DebugRuleEvaluationStatuses" not in job
    calls = Calls(jobs.clary.connection)
    for steps, expected in ((10, "IssuesFound"), (1000, "NoIssuesFound")):
        further = rule("LossNotDecreasing", mode="TRAIN", num_steps=steps)
        calls.post("/_clary/rules", {"TrainingJobName": name, "DebugRuleConfigurations": [further]})
        assert judged(jobs, name)["LossNotDecreasing"]["RuleEvaluationStatus"] == expected
    done = subprocess.run(
        [sys.executable, "-m", "clary", "rules", name, "--home", str(jobs.clary.home), "-r", "Overfit", "-p", "patience=2"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "LossNotDecreasing: NoIssuesFound" in done.stdout
    assert "Overfit: NoIssuesFound" in done.stdout
    with pytest.raises(Refused, match="are expected"):
        calls.post("/_clary/rules", {"TrainingJobName": name, "DebugRuleConfigurations": [{}]})
