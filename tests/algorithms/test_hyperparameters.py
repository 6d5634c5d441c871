"""The declarations: every one is checked as it says, and what is printed is what its metrics find."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout

import pytest

from clary.algorithms.declaration import Algorithm, base_type, type_parameters
from clary.algorithms.errors import CustomerError
from clary.algorithms.hyperparameters import REQUIRED, Hyperparameter, Integer, Number, Real, validate
from clary.algorithms.log import Log
from clary.algorithms.tables import ALL, find

EVERY = [
    pytest.param(algorithm, each, id=f"{algorithm.name}-{each.name}")
    for algorithm in ALL
    for each in algorithm.hyperparameters
]
REQUIRED_VALUES = {
    "predictor_type": "regressor", "feature_dim": "2", "k": "2", "sample_size": "10", "mini_batch_size": "10",
    "num_components": "1", "num_factors": "2", "num_round": "3",
}  # fmt: skip


def least(algorithm: Algorithm) -> dict[str, str]:
    """Just what has to be given."""
    return {
        each.name: REQUIRED_VALUES[each.name]
        for each in algorithm.hyperparameters
        if each.default is REQUIRED
    }


@pytest.mark.parametrize("algorithm", ALL, ids=[algorithm.name for algorithm in ALL])
def test_what_is_required_suffices(algorithm: Algorithm) -> None:
    given = {**least(algorithm), "sagemaker_region": "us-east-1", "_tuning_objective_metric": "test:mse"}
    if algorithm.name == "knn":
        given["predictor_type"] = "classifier"
    values = validate(algorithm.hyperparameters, given)
    assert values.keys() == {each.name for each in algorithm.hyperparameters}
    assert REQUIRED not in values.values()


@pytest.mark.parametrize("algorithm", ALL, ids=[algorithm.name for algorithm in ALL])
def test_names_are_declared_once(algorithm: Algorithm) -> None:
    names = [each.name for each in algorithm.hyperparameters]
    assert len(names) == len(set(names))
    metrics = [metric.name for metric in algorithm.metrics]
    assert len(metrics) == len(set(metrics))


@pytest.mark.parametrize(("algorithm", "each"), EVERY)
def test_a_value_outside_is_refused_and_named(algorithm: Algorithm, each: Hyperparameter) -> None:
    wrong = "nonsense"
    if isinstance(each, Number):
        low = float(each.within[1:-1].split(",")[0])
        wrong = str(low - 1) if low > float("-inf") else "nonsense"
        if each.name == "extra_components":
            wrong = "-2"
    if each.expected() == "text":
        return
    given = {**least(algorithm), each.name: wrong}
    with pytest.raises(CustomerError) as raised:
        validate(algorithm.hyperparameters, given)
    assert f"'{wrong}' is not a valid value of '{each.name}': {each.expected()}" in str(raised.value)
    assert "Failed to validate input hyperparameters. (caused by ValidationError)" in str(raised.value)


@pytest.mark.parametrize(
    ("within", "inside", "outside"),
    [
        ("[0, 1)", ["0", "0.5"], ["1", "-0.1", "nan", "inf"]),
        ("(0, inf)", ["1e-9", "1e9"], ["0", "-1", "inf"]),
        ("[1, 3]", ["1", "3"], ["0.999", "3.001"]),
        ("(-inf, inf)", ["-5"], ["text", ""]),
    ],
)
def test_ranges_are_read_as_in_mathematics(within: str, inside: list[str], outside: list[str]) -> None:
    declared = Real("x", within=within)
    for text in inside:
        assert validate([declared], {"x": text}) == {"x": float(text)}
    for text in outside:
        with pytest.raises(CustomerError):
            validate([declared], {"x": text})


@pytest.mark.parametrize(("text", "value"), [("5", 5), ("5.0", 5), ('"5"', 5), (" 5 ", 5)])
def test_numbers_as_clients_write_them(text: str, value: int) -> None:
    assert validate([Integer("k")], {"k": text}) == {"k": value}


def test_an_integer_is_whole() -> None:
    with pytest.raises(CustomerError, match="an integer in"):
        validate([Integer("k")], {"k": "5.5"})


@pytest.mark.parametrize("text", ['["msd","ssd"]', "msd,ssd", '"msd, ssd"', "[msd, ssd]"])
def test_lists_as_clients_write_them(text: str) -> None:
    algorithm = find("kmeans")
    assert algorithm is not None
    values = validate(algorithm.hyperparameters, {**least(algorithm), "eval_metrics": text})
    assert values["eval_metrics"] == ("msd", "ssd")


PRINTED = [
    ("linear-learner", ("train", "mse_objective", 0.5, "loss", 3), "train:objective_loss"),
    ("linear-learner", ("validation", "binary_f_1.000", 0.5, "score", None), "validation:binary_f_beta"),
    ("linear-learner", ("test", "multiclass_top_k_accuracy_3", 0.5, "score", None), "test:multiclass_top_k_accuracy"),
    ("kmeans", ("train", "msd", 0.5, "loss", 1), "train:msd"),
    ("kmeans", ("test", "ssd", 1e-07, "loss", None), "test:ssd"),
    ("knn", ("test", "accuracy", 0.5, "score", None), "test:accuracy"),
    ("randomcutforest", ("test", "f1", 1, "score", None), "test:f1"),
    ("factorization-machines", ("train", "rmse", 12345678.5, "loss", 0), "train:rmse"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "printed", "metric"), PRINTED, ids=[row[2] for row in PRINTED])
def test_a_metric_finds_what_the_log_prints(
    name: str, printed: tuple[str, str, float, str, int | None], metric: str
) -> None:
    algorithm, out = find(name), io.StringIO()
    assert algorithm is not None
    with redirect_stdout(out):
        Log().quality(*printed)
    found = {
        each.name: match[1] for each in algorithm.metrics if (match := re.search(each.regex, out.getvalue()))
    }
    assert {name: float(value) for name, value in found.items()} == {metric: printed[2]}


def test_progress_is_found() -> None:
    out, algorithm = io.StringIO(), find("pca")
    assert algorithm is not None
    with redirect_stdout(out):
        Log().progress(0.5, 1000, 2.0)
    found = {each.name: re.search(each.regex, out.getvalue()) for each in algorithm.metrics}
    assert {name: match and float(match[1]) for name, match in found.items()} == {
        "train:progress": 50.0,
        "train:throughput": 500.0,
    }


def test_content_types_by_their_many_names() -> None:
    assert base_type("text/csv; label_size=0") == base_type("CSV") == "text/csv"
    assert base_type("text/x-libsvm") == base_type("libsvm") == "text/libsvm"
    assert base_type("application/x-recordio-protobuf") == "application/x-recordio-protobuf"
    assert type_parameters("text/csv;label_size=1; Other = x") == {"label_size": "1", "other": "x"}
