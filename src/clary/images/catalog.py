"""The image table: which repositories are which family, and what each release stands for. Data only.

Versions and Pythons are those that the SageMaker Python SDK's image_uri_config lists, pins those of AWS's
own Dockerfiles and requirements where they are public (sagemaker-scikit-learn-container,
sagemaker-xgboost-container); beside them an environment has what AWS's images have for scripts: boto3,
pandas, requests, psutil. A release that no package index can give any more says so (`unavailable`), so that
a job for it fails at once instead of in a resolver.
"""

from __future__ import annotations

import re

from clary.algorithms import tables
from clary.images.catalog_deep_learning import (
    HUGGINGFACE_PYTORCH,
    HUGGINGFACE_TENSORFLOW,
    PYTORCH,
    TENSORFLOW,
)
from clary.images.family import Family, Release


def _sklearn(
    python: str, version: str, numpy: str, pandas: str, scipy: str, *others: str, newer: tuple[str, ...] = ()
) -> Release:
    """`others`: further Pythons that the same version has wheels for; `newer`: companions there, where AWS's
    own have none."""
    pins = [f"scikit-learn=={version}", f"numpy=={numpy}", f"pandas=={pandas}", f"scipy=={scipy}", "joblib"]
    for pin in newer:
        name = pin.split("=")[0]
        first = others[0]
        pins = [f"{own}; python_version < '{first}'" if own.split("=")[0] == name else own for own in pins]
        pins.append(f"{pin}; python_version >= '{first}'")
    return Release((python, *others), tuple(pins))


SKLEARN = Family(
    "scikit-learn",
    re.compile(r"sagemaker-scikit-learn"),
    {
        "0.20.0": _sklearn("3.7", "0.20.0", "1.19.5", "0.25.3", "1.5.3"),
        "0.23-1": _sklearn("3.7", "0.23.2", "1.19.2", "1.1.3", "1.5.3"),
        "1.0-1": _sklearn("3.7", "1.0.2", "1.19.5", "1.1.3", "1.5.3"),
        "1.2-1": _sklearn(
            "3.9",
            "1.2.1",
            "1.24.1",
            "1.1.3",
            "1.8.0",
            "3.10",
            "3.11",
            newer=("pandas==1.5.3", "scipy==1.10.1"),
        ),
        "1.4-2": _sklearn("3.10", "1.4.2", "2.1.0", "2.2.3", "1.14.1", "3.11", "3.12"),
        "1.9-0": _sklearn("3.12", "1.9.0", "2.4.6", "2.3.3", "1.17.1", "3.11", "3.13"),
    },
)


def _xgboost(python: str, version: str, *pins: str) -> Release:
    return Release((python,), (f"xgboost=={version}", *pins))


_XGBOOST_37 = (
    *("numpy==1.19.2", "pandas==1.1.3", "scipy==1.5.3", "scikit-learn==0.23.2", "matplotlib==3.3.2"),
    "pyarrow==12.0.1",
)
_XGBOOST_38 = (
    *("numpy==1.19.2", "pandas==1.2.4", "scipy==1.6.2", "scikit-learn==0.24.1", "matplotlib==3.4.1"),
    "pyarrow==14.0.1",
)

XGBOOST = Family(
    "xgboost",
    re.compile(r"sagemaker-xgboost|xgboost"),
    {
        "0.90-1": _xgboost("3.7", "0.90", *_XGBOOST_37),
        "0.90-2": _xgboost("3.7", "0.90", *_XGBOOST_37),
        "1.0-1": _xgboost("3.7", "1.0.0", *_XGBOOST_37),
        "1.2-1": _xgboost("3.7", "1.2.0", *_XGBOOST_37),
        "1.2-2": _xgboost("3.7", "1.2.0", *_XGBOOST_37),
        "1.3-1": _xgboost("3.7", "1.3.3", *_XGBOOST_37),
        "1.5-1": _xgboost("3.8", "1.5.2", *_XGBOOST_38),
        "1.7-1": _xgboost("3.8", "1.7.4", *_XGBOOST_38),
        "3.0-5": _xgboost(
            "3.10",
            "3.0.5",
            *("numpy==2.1.0", "pandas==2.2.3", "scipy==1.14.1", "scikit-learn==1.5.2", "matplotlib==3.9.2"),
            "pyarrow==17.0.0",
        ),
        "3.2-0": _xgboost(
            "3.12",
            "3.2.0",
            *(
                "numpy==2.4.6",
                "pandas==2.3.3",
                "scipy==1.17.1",
                "scikit-learn==1.9.0",
                "matplotlib",
                "pyarrow",
            ),
        ),
        "1": _xgboost("3.7", "0.72.1", *_XGBOOST_37),
    },
    aliases={"latest": "1"},
    excludes=("nvidia-nccl-cu12",),
)

ALGORITHMS = Family(
    "algorithms",
    re.compile("|".join(algorithm.name for algorithm in tables.ALL if algorithm.name != "xgboost")),
    {
        "1": Release(
            ("3.11", "3.12", "3.13"),
            ("numpy==2.3.5", "scipy==1.16.3", "scikit-learn==1.7.2", "pyarrow==22.0.0"),
        )
    },
    aliases={"latest": "1"},
    common=(),
)
"""AWS's built-in algorithms, which share one environment; `clary.algorithms` runs in it."""

PYTHON_VERSIONS = ("3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")

PYTHON = Family(
    "python",
    re.compile(r"python|sagemaker-base-python-(?P<python>\d+)"),
    {version: Release((version,)) for version in PYTHON_VERSIONS},
    aliases={"3": "3.11", "latest": "3.11"},
    common=("pip", "setuptools<81", "wheel"),
)

DEBUGGER = Family(
    "debugger-rules",
    re.compile(r"sagemaker-debugger-rules|sagemaker-debugger-rule-evaluator"),
    {"1": Release(("3.11", "3.12", "3.13"), ("numpy==2.3.5",))},
    aliases={"latest": "1"},
    common=("boto3",),
)
"""Judges what jobs save; the rules themselves are mounted."""

FAMILIES = (
    *(SKLEARN, XGBOOST, PYTORCH, TENSORFLOW, HUGGINGFACE_PYTORCH, HUGGINGFACE_TENSORFLOW),
    *(ALGORITHMS, PYTHON, DEBUGGER),
)
