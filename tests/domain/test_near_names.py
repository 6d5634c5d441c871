"""What a refusal says of a name that nothing has."""

from __future__ import annotations

import pytest

from clary.domain.near_names import near, said

KNOWN = ["loss", "val_loss", "acc", "learning-rate", "batch-size", "Name", "name"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("los", ["loss", "val_loss"]),
        ("LOSS", ["loss", "val_loss"]),
        ("learning_rate", ["learning-rate"]),
        ("nmae", ["name"]),
        ("acuracy", ["acc"]),
        ("rate", ["learning-rate"]),
        ("x", []),
        ("", []),
    ],
)
def test_the_nearest_come_first(name: str, meant: list[str]) -> None:
    assert near(name, KNOWN) == meant


def test_a_refusal_tells_what_there_is() -> None:
    assert said("los", KNOWN) == "Did you mean loss or val_loss?"
    assert said("rate", KNOWN) == "Did you mean learning-rate?"
    assert said("zzz", KNOWN) == "There are loss, val_loss, acc, learning-rate, batch-size and 1 more."
    assert said("zzz", ["a", "b", "a"]) == "There are a, b."
    assert said("los", ["loss"], "Metrics.") == "Did you mean Metrics.loss?"
    assert said("zzz", []) == "There are none."
