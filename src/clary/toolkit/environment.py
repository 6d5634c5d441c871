"""What a training script is told: the `SM_*` variables and its arguments, as AWS's images make them.

Names and forms are those of sagemaker-training 5.1, which was run beside this in November 2026: `SM_` and the
name in capitals, hyphens kept; text as it is, nothing as "", all else as JSON without spaces and with sorted
keys. Pure, but for counting processors.
"""

import json
import os
import re

OWN = ("_tuning_objective_metric", "default_user_module_name")
"""Hyperparameters that are the platform's although they do not start with `sagemaker_`."""
INSIDE = (
    "sagemaker_program",
    "sagemaker_submit_directory",
    "sagemaker_enable_cloudwatch_metrics",
    "sagemaker_region",
    "sagemaker_container_log_level",
    "sagemaker_job_name",
    "sagemaker_s3_output",
)
"""Those that have a meaning of their own; other `sagemaker_` ones are the framework's parameters."""
INFO = 20


def read_config(ml: str) -> "dict[str, dict[str, object]]":
    """The three documents of ML/input/config, by name; an absent one is empty."""
    documents = {}  # type: dict[str, dict[str, object]]
    for name in ("hyperparameters", "inputdataconfig", "resourceconfig"):
        path = os.path.join(ml, "input", "config", name + ".json")
        documents[name] = {}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                documents[name] = json.load(file)
    return documents


def decode(hyperparameters: "dict[str, object]") -> "dict[str, object]":
    """Values are strings; framework estimators encode them as JSON, the generic one does not."""
    decoded = {}
    for name, value in hyperparameters.items():
        try:
            decoded[name] = json.loads(value)  # type: ignore[arg-type]
        except (ValueError, TypeError):
            decoded[name] = value
    return decoded


def is_platform(name: str) -> bool:
    return name.startswith("sagemaker_") or name in OWN


def arguments(hyperparameters: "dict[str, object]") -> "list[str]":
    """`--name value` of each, sorted; `-n` for a name of one letter; `k=v,...` for a mapping."""
    found = []
    for name, value in sorted(hyperparameters.items()):
        if isinstance(value, dict):
            text = ",".join("%s=%s" % pair for pair in sorted(value.items()))
        else:
            text = "" if value is None else str(value)
        found += [("--" if len(name) > 1 else "-") + name, text]
    return found


def training(
    ml: str, decoded: "dict[str, object]", config: "dict[str, dict[str, object]]", environ: "dict[str, str]"
) -> "dict[str, object]":
    """Everything known of the job, by the names that `SM_TRAINING_ENV` has."""
    inputs, resources = config["inputdataconfig"], config["resourceconfig"]
    hosts = resources.get("hosts") or [resources.get("current_host", "algo-1")]
    assert isinstance(hosts, list)
    groups = resources.get("instance_groups") or []
    assert isinstance(groups, list)
    group = resources.get("current_group_name", "homogeneousCluster")
    program = environ.get("SAGEMAKER_PROGRAM") or decoded.get("sagemaker_program")
    module = str(program) if program else None
    folder = os.path.join
    return {
        "additional_framework_parameters": {
            name: value
            for name, value in decoded.items()
            if name.startswith("sagemaker_") and name not in INSIDE
        },
        "channel_input_dirs": {name: folder(ml, "input", "data", name) for name in inputs},
        "current_host": resources.get("current_host", hosts[0]),
        "current_instance_group": group,
        "current_instance_group_hosts": [
            host for each in groups if each["instance_group_name"] == group for host in each["hosts"]
        ],
        "current_instance_type": resources.get("current_instance_type", "local"),
        "distribution_hosts": [],
        "distribution_instance_groups": decoded.get("sagemaker_distribution_instance_groups", []),
        "framework_module": environ.get("SAGEMAKER_TRAINING_MODULE"),
        "hosts": hosts,
        "hyperparameters": {name: value for name, value in decoded.items() if not is_platform(name)},
        "input_config_dir": folder(ml, "input", "config"),
        "input_data_config": inputs,
        "input_dir": folder(ml, "input"),
        "instance_groups": [each["instance_group_name"] for each in groups],
        "instance_groups_dict": {each["instance_group_name"]: each for each in groups},
        "is_hetero": len(groups) > 1,
        "is_master": resources.get("current_host", hosts[0]) == hosts[0],
        "is_modelparallel_enabled": None,
        "is_smddpmprun_installed": False,
        "is_smddprun_installed": False,
        "job_name": environ.get("TRAINING_JOB_NAME"),
        "log_level": decoded.get("sagemaker_container_log_level", INFO),
        "master_hostname": hosts[0],
        "model_dir": folder(ml, "model"),
        "module_dir": str(decoded.get("sagemaker_submit_directory", folder(ml, "code"))),
        "module_name": module[:-3] if module and module.endswith(".py") else module,
        "network_interface_name": resources.get("network_interface_name", "eth0"),
        "num_cpus": cpus(),
        "num_gpus": min(gpus(), int(environ.get("SM_NUM_GPUS", gpus()))),
        "num_neurons": 0,
        "output_data_dir": folder(ml, "output", "data"),
        "output_dir": folder(ml, "output"),
        "output_intermediate_dir": folder(ml, "output", "intermediate"),
        "resource_config": resources,
        "topology": resources.get("topology", []),
        "user_entry_point": module,
    }


UNTOLD = (
    "additional_framework_parameters", "channel_input_dirs", "distribution_hosts", "hyperparameters",
    "is_master", "is_modelparallel_enabled", "is_smddpmprun_installed", "is_smddprun_installed", "job_name",
    "master_hostname", "topology",
)  # fmt: skip
"""What has no variable of its own name."""


def variables(
    known: "dict[str, object]", decoded: "dict[str, object]", environ: "dict[str, str]"
) -> "dict[str, str]":
    """The environment to add, of what `training` knows."""
    hyperparameters, channels = known["hyperparameters"], known["channel_input_dirs"]
    assert isinstance(hyperparameters, dict)
    assert isinstance(channels, dict)
    told = {name: value for name, value in known.items() if name not in UNTOLD}
    told.update(
        channels=sorted(channels),
        framework_params=known["additional_framework_parameters"],
        hps=hyperparameters,
        training_env=known,
        user_args=arguments(hyperparameters),
    )
    told.update(("channel_" + name, path) for name, path in channels.items())
    told.update(("hp_" + name, value) for name, value in hyperparameters.items())
    found = {"SM_" + name.upper(): shown(value) for name, value in told.items()}
    found["CURRENT_HOST"] = str(known["current_host"])
    found["SAGEMAKER_JOB_NAME"] = str(decoded.get("sagemaker_job_name", known["job_name"] or ""))
    found["SAGEMAKER_REGION"] = str(decoded.get("sagemaker_region", environ.get("AWS_REGION", "")))
    return found


def shown(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


def cpus() -> int:
    """Those that this job may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus() -> int:
    try:
        return sum(1 for name in os.listdir("/dev") if re.match(r"nvidia[0-9]+$", name))
    except OSError:
        return 0
