"""The `SM_*` family and the arguments, as sagemaker-training forms them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from clary.toolkit import environment

CLUSTER = {
    "current_host": "algo-2",
    "current_instance_type": "ml.m5.xlarge",
    "current_group_name": "workers",
    "hosts": ["algo-1", "algo-2"],
    "instance_groups": [
        {"instance_group_name": "head", "instance_type": "ml.c5.large", "hosts": ["algo-1"]},
        {"instance_group_name": "workers", "instance_type": "ml.m5.xlarge", "hosts": ["algo-2"]},
    ],
    "network_interface_name": "eth0",
}


@pytest.mark.parametrize(
    ("value", "decoded", "argument", "variable"),
    [
        ("128", 128, "128", "128"),
        ("1e-06", 1e-06, "1e-06", "1e-06"),
        ('"resnet"', "resnet", "resnet", "resnet"),
        ("resnet", "resnet", "resnet", "resnet"),
        ('"128"', "128", "128", "128"),
        ("true", True, "True", "true"),
        ("null", None, "", ""),
        ("", "", "", ""),
        ("[1, 2.5]", [1, 2.5], "[1, 2.5]", "[1,2.5]"),
        ('{"b": 1, "a": "x"}', {"a": "x", "b": 1}, "a=x,b=1", '{"a":"x","b":1}'),
        ('"s3://b/model"', "s3://b/model", "s3://b/model", "s3://b/model"),
        ('"ä"', "ä", "ä", "ä"),
        ("{broken", "{broken", "{broken", "{broken"),
    ],
)
def test_a_hyperparameter(value: str, decoded: object, argument: str, variable: str) -> None:
    found = environment.decode({"name": value})
    assert found == {"name": decoded}
    assert type(found["name"]) is type(decoded)
    assert environment.arguments(found) == ["--name", argument]
    assert told({"name": value})["SM_HP_NAME"] == variable


def told(
    hyperparameters: dict[str, Any], resources: dict[str, Any] = CLUSTER, **environ: str
) -> dict[str, str]:
    config = {
        "hyperparameters": hyperparameters,
        "inputdataconfig": {"train": {"TrainingInputMode": "File"}, "Test": {}},
        "resourceconfig": resources,
    }
    decoded = environment.decode(hyperparameters)
    return environment.variables(environment.training("/opt/ml", decoded, config, environ), decoded, environ)


def test_arguments_are_sorted_and_short_names_have_one_dash() -> None:
    assert environment.arguments({"b": 1, "alpha": 2, "B-c": 3}) == ["--B-c", "3", "--alpha", "2", "-b", "1"]


def test_the_platform_s_hyperparameters_are_kept_from_the_program() -> None:
    found = told(
        {
            "lr": "0.1",
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": '"s3://b/k"',
            "sagemaker_container_log_level": "10",
            "sagemaker_region": '"eu-west-1"',
            "sagemaker_job_name": '"job"',
            "sagemaker_mpi_enabled": "true",
            "_tuning_objective_metric": "acc",
        }
    )
    assert found["SM_HPS"] == '{"lr":0.1}'
    assert found["SM_USER_ARGS"] == '["--lr","0.1"]'
    assert found["SM_FRAMEWORK_PARAMS"] == '{"sagemaker_mpi_enabled":true}'
    assert found["SM_MODULE_DIR"] == "s3://b/k"
    assert (found["SM_MODULE_NAME"], found["SM_USER_ENTRY_POINT"]) == ("train", "train.py")
    assert found["SM_LOG_LEVEL"] == "10"
    assert (found["SAGEMAKER_REGION"], found["SAGEMAKER_JOB_NAME"]) == ("eu-west-1", "job")
    assert not [name for name in found if name.startswith("SM_HP_") and name != "SM_HP_LR"]


def test_places_and_the_cluster() -> None:
    found = told({}, SAGEMAKER_TRAINING_MODULE="sagemaker_pytorch_container.training:main")
    assert {name: value for name, value in found.items() if value.startswith("/opt/ml")} == {
        "SM_CHANNEL_TEST": "/opt/ml/input/data/Test",
        "SM_CHANNEL_TRAIN": "/opt/ml/input/data/train",
        "SM_INPUT_CONFIG_DIR": "/opt/ml/input/config",
        "SM_INPUT_DIR": "/opt/ml/input",
        "SM_MODEL_DIR": "/opt/ml/model",
        "SM_MODULE_DIR": "/opt/ml/code",
        "SM_OUTPUT_DATA_DIR": "/opt/ml/output/data",
        "SM_OUTPUT_DIR": "/opt/ml/output",
        "SM_OUTPUT_INTERMEDIATE_DIR": "/opt/ml/output/intermediate",
    }
    assert found["SM_CHANNELS"] == '["Test","train"]'
    assert (found["SM_CURRENT_HOST"], found["CURRENT_HOST"]) == ("algo-2", "algo-2")
    assert found["SM_HOSTS"] == '["algo-1","algo-2"]'
    assert found["SM_CURRENT_INSTANCE_TYPE"] == "ml.m5.xlarge"
    assert found["SM_CURRENT_INSTANCE_GROUP"] == "workers"
    assert found["SM_CURRENT_INSTANCE_GROUP_HOSTS"] == '["algo-2"]'
    assert found["SM_INSTANCE_GROUPS"] == '["head","workers"]'
    assert found["SM_IS_HETERO"] == "true"
    assert found["SM_NETWORK_INTERFACE_NAME"] == "eth0"
    assert found["SM_FRAMEWORK_MODULE"] == "sagemaker_pytorch_container.training:main"
    assert found["SM_NUM_CPUS"] == str(len(os.sched_getaffinity(0)))
    assert json.loads(found["SM_RESOURCE_CONFIG"]) == CLUSTER
    assert json.loads(found["SM_INPUT_DATA_CONFIG"]) == {"Test": {}, "train": {"TrainingInputMode": "File"}}
    whole = json.loads(found["SM_TRAINING_ENV"])
    assert whole["channel_input_dirs"] == {
        "Test": "/opt/ml/input/data/Test",
        "train": "/opt/ml/input/data/train",
    }
    assert (whole["is_master"], whole["master_hostname"]) == (False, "algo-1")


def test_nothing_given_is_one_host(tmp_path: Path) -> None:
    config = environment.read_config(str(tmp_path))
    assert config == {"hyperparameters": {}, "inputdataconfig": {}, "resourceconfig": {}}
    found = told({}, {})
    assert found["SM_HOSTS"] == '["algo-1"]'
    assert found["SM_USER_ENTRY_POINT"] == ""
    assert found["SM_LOG_LEVEL"] == "20"
