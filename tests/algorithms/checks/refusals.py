"""What the user can cure ends a training with code 2 and words in /opt/ml/output/failure; and nothing is left."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from pathlib import Path

from clary_algorithms.train import main

CSV = "text/csv"
ROWS = b"0,1,2\n1,3,4\n0,5,6\n"


def failure(
    algorithm: str, given: dict[str, str], channels: dict[str, tuple[bytes, str]], code: int = 2
) -> str:
    """What the failure file says; empty where there is none."""
    with tempfile.TemporaryDirectory() as folder:
        ml = Path(folder)
        (ml / "input" / "config").mkdir(parents=True)
        inputs = {}
        for name, (body, kind) in channels.items():
            (ml / "input" / "data" / name).mkdir(parents=True)
            (ml / "input" / "data" / name / "part").write_bytes(body)
            inputs[name] = {"ContentType": kind} if kind else {}
        for name, document in (("hyperparameters", given), ("inputdataconfig", inputs)):
            (ml / "input" / "config" / f"{name}.json").write_text(json.dumps(document))
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            assert main(algorithm, ml) == code
        assert (ml / "model").exists() == (code == 0)
        file = ml / "output" / "failure"
        return file.read_text() if file.exists() else ""


def linear(words: str, body: bytes = ROWS, kind: str = CSV, channel: str = "train", **changes: str) -> None:
    given = {"predictor_type": "binary_classifier", **changes}
    said = failure(
        "linear-learner", {name: value for name, value in given.items() if value}, {channel: (body, kind)}
    )
    assert said.startswith("ClientError: "), said
    assert words in said, said


def check_it_trains_what_is_right() -> None:
    assert failure("linear-learner", {"predictor_type": "binary_classifier"}, {"train": (ROWS, CSV)}, 0) == ""


def check_hyperparameters() -> None:
    linear("('foo' was unexpected)", foo="1")
    linear("'predictor_type' which are required hyperparameter(s)", predictor_type="")
    linear("'num_classes' which are required", predictor_type="multiclass_classifier")
    linear("loss 'softmax_loss' is not one of a binary_classifier", loss="softmax_loss")
    linear("'nonsense' is not a valid value of 'wd': a number in [0, inf) or auto", wd="nonsense")


def check_channels() -> None:
    linear("'train' is a required property", channel="validation")
    given = {"predictor_type": "regressor"}
    said = failure("linear-learner", given, {"train": (ROWS, CSV), "extra": (ROWS, CSV)})
    assert "('extra' was unexpected)" in said
    linear("'text/xml' of channel 'train' is not one of", kind="text/xml")
    linear("No data in channel 'train'", body=b"")


def check_data() -> None:
    linear("'label' in row 1 of the CSV is not a number. A CSV must not have a header.", b"label,x\n1,2\n")
    linear(
        "The label 7 of channel 'train' is not one of a binary_classifier: labels are integers from 0 to 1",
        b"7,1\n0,2\n",
    )
    linear("missing or not finite", b"0,nan\n1,2\n")
    linear("is not the hyperparameter feature_dim, 9", feature_dim="9")
    linear("has no labels", kind="text/csv;label_size=0")
    linear("not RecordIO", kind="")  # RecordIO is what a channel without a type has


def check_the_other_algorithms() -> None:
    for algorithm, given, words in (
        ("kmeans", {"k": "9", "feature_dim": "3"}, "k is 9, and there are 3 rows"),
        ("kmeans", {"k": "1", "feature_dim": "3"}, "an integer in [2, inf)"),
        ("pca", {"num_components": "4", "feature_dim": "3", "mini_batch_size": "1"}, "at most feature_dim, 3"),
        ("pca", {"num_components": "1", "feature_dim": "3"}, "'mini_batch_size' which are required"),
        ("randomcutforest", {"feature_dim": "3", "num_trees": "7"}, "an integer in [50, 1000]"),
        ("knn", {"k": "5", "sample_size": "3", "feature_dim": "2", "predictor_type": "regressor"}, "k is 5, and there are 3"),
        ("factorization-machines", {"num_factors": "0"}, "which are required hyperparameter(s)"),
        ("xgboost", {"objective": "reg:squarederror"}, "'num_round' which are required"),
    ):  # fmt: skip
        said = failure(algorithm, given, {"train": (ROWS, CSV)})
        assert said.startswith("ClientError: "), said
        assert words in said, said
