"""What a DebugHookConfig asks for, and its refusals: pure rules of the hook."""

from __future__ import annotations

from typing import Any

import pytest

from clary.toolkit.debug.clary_debug.config import Config, ConfigError, split

BUILTIN: dict[str, list[str]] = {
    "all": [],
    "default": [],
    "losses": ["loss"],
    "weights": ["weight"],
    "gradients": [],
}


def config(*collections: dict[str, Any], interval: int = 500, **hook: str) -> Config:
    document = {"HookParameters": hook, "CollectionConfigurations": list(collections)}
    return Config(document, BUILTIN, ("losses",), interval)


def collection(name: str, **parameters: str) -> dict[str, Any]:
    named = {key.replace("__", "."): value for key, value in parameters.items()}
    return {"CollectionName": name, "CollectionParameters": named}


def saved(found: Config) -> list[str]:
    return [each.name for each in found.saved]


def steps(found: Config, name: str, mode: str = "TRAIN", below: int = 40) -> list[int]:
    save = found.collections[name].saves[mode]
    return [step for step in range(below) if save.at(step)]


def test_losses_every_five_hundred_steps_unasked() -> None:
    assert saved(config()) == ["losses"]
    assert steps(config(), "losses", below=1002) == [0, 500, 1000]
    assert Config({}, BUILTIN, ("losses",)).saved[0].name == "losses"
    null = {"CollectionName": "weights", "CollectionParameters": None}
    assert saved(Config({"HookParameters": None, "CollectionConfigurations": [null]}, BUILTIN, ())) == [
        "weights"
    ]


def test_when() -> None:
    asked = collection("weights", save_interval="10", start_step="10", end_step="30", save_steps="3,4")
    assert steps(config(asked), "weights") == [3, 4, 10, 20]
    assert steps(config(asked), "losses") == [0]
    assert steps(config(save_interval="20"), "losses") == [0, 20]
    by_mode = collection("weights", save_interval="20", eval__save_interval="5")
    assert steps(config(by_mode), "weights") == [0, 20]
    assert steps(config(by_mode), "weights", "EVAL", below=11) == [0, 5, 10]
    given: dict[str, Any] = {"save_interval": "10", "train.save_interval": "15"}
    common = config(collection("weights", start_step="10"), **given)
    assert steps(common, "weights") == [15, 30]
    assert steps(common, "weights", "EVAL") == [10, 20, 30]


def test_custom_collections_and_what_matches() -> None:
    found = config(collection("relu", include_regex="relu,.*tanh"))
    assert saved(found) == ["losses", "relu"]
    assert found.collections["relu"].matches("layer/tanh_output_0")
    assert not found.collections["relu"].matches("layer/gelu")
    assert saved(config(include_regex="bias")) == ["default", "losses"]
    assert saved(config(save_all="true")) == list(BUILTIN)
    assert saved(config(collection("all"))) == list(BUILTIN)
    assert config(include_workers="all").all_workers
    assert split("conv[0-9]{1,2},(a,b),c") == ["conv[0-9]{1,2}", "(a,b)", "c"]


def test_reductions_stand_for_the_tensor() -> None:
    found = config(collection("weights", reductions="min,abs_mean,l1_norm,abs_l2_norm")).collections[
        "weights"
    ]
    assert found.reductions == [("min", False), ("mean", True), ("l1", False), ("l2", True)]
    assert not found.raw
    assert found.document()["reduction_config"] == {
        "save_raw_tensor": False, "reductions": "min,abs_mean,l1_norm,abs_l2_norm", "save_shape": False,
    }  # fmt: skip
    kept = config(collection("weights", reductions="min", save_raw_tensor="True", save_shape="true"))
    assert kept.collections["weights"].raw
    assert kept.collections["weights"].shape
    common = config(collection("weights"), reductions="mean")
    assert common.collections["weights"].reductions == [("mean", False)]
    assert common.collections["losses"].raw, "scalars are never reduced"


@pytest.mark.parametrize(
    "wrong",
    [
        collection("mine"),
        collection("mine", include_regex="("),
        collection("weights", save_interval="0"),
        collection("weights", save_interval="often"),
        collection("weights", save_steps="1,x"),
        collection("weights", reductions="median"),
        collection("weights", reductions="l3_norm"),
    ],
)
def test_refusals(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        config(wrong)
