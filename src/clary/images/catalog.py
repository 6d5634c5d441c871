"""The image table: which repositories are which family, and what each release stands for. Data only.

Versions and Pythons are those that the SageMaker Python SDK's image_uri_config lists, pins those of AWS's
own Dockerfiles and requirements where they are public (sagemaker-scikit-learn-container,
sagemaker-xgboost-container); beside them an environment has what AWS's images have for scripts: boto3,
pandas, requests, psutil. A release that no package index can give any more says so (`unavailable`), so that
a job for it fails at once instead of in a resolver.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from clary.algorithms import tables

COMMON = ("pip", "setuptools<81", "wheel", "boto3", "requests", "psutil")
"""In every environment: pip because scripts call it, setuptools below 81 because older packages import
pkg_resources."""


@dataclass(frozen=True, slots=True)
class Release:
    python: tuple[str, ...]
    """Pythons that a tag without one (`py3`) may run on, AWS's own first."""
    requirements: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    unavailable: str = ""
    """Why it cannot be had."""


@dataclass(frozen=True, slots=True)
class Family:
    name: str
    repositories: re.Pattern[str]
    """Matches the repository's last part, current and older names."""
    releases: dict[str, Release]
    """By the version as tags write it."""
    aliases: dict[str, str] = field(default_factory=dict)
    """Short versions: `2.0` is `2.0.1`."""
    common: tuple[str, ...] = COMMON
    excludes: tuple[str, ...] = ()
    """Left out on a machine without GPU."""
    beyond: str = ""
    """Requirement of a version that the table lacks but whose tag names its Python, `{version}` filled in;
    empty: the table is all there is."""
    cpu_torch: bool = False


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
        "1": _xgboost("3.7", "0.72.1", *_XGBOOST_37),
    },
    aliases={"latest": "1"},
    excludes=("nvidia-nccl-cu12",),
)

_SCRIPTS = ("pandas<3", "scipy", "scikit-learn", "pillow", "pyyaml", "tqdm")
"""Beside the framework, as the deep learning images have them; the newest that go with it and its Python."""


def _torch(python: str, *, torchvision: str, version: str, numpy: str = "numpy<2") -> tuple[str, Release]:
    pins = (f"torch=={version}", f"torchvision=={torchvision}", numpy, *_SCRIPTS)
    return version, Release((python,), pins)


PYTORCH = Family(
    "pytorch",
    re.compile(r"pytorch-(training|inference)(-graviton|-arm64)?|sagemaker-pytorch"),
    dict(
        [
            ("0.4.0", Release((), unavailable="package indexes do not have PyTorch 0.4.0")),
            _torch("3.6", version="1.0.0", torchvision="0.2.1"),
            _torch("3.6", version="1.1.0", torchvision="0.3.0"),
            _torch("3.6", version="1.2.0", torchvision="0.4.0"),
            _torch("3.6", version="1.3.1", torchvision="0.4.2"),
            _torch("3.6", version="1.4.0", torchvision="0.5.0"),
            _torch("3.6", version="1.5.0", torchvision="0.6.0"),
            _torch("3.6", version="1.6.0", torchvision="0.7.0"),
            _torch("3.6", version="1.7.1", torchvision="0.8.2"),
            _torch("3.6", version="1.8.0", torchvision="0.9.0"),
            _torch("3.6", version="1.8.1", torchvision="0.9.1"),
            _torch("3.8", version="1.9.0", torchvision="0.10.0"),
            _torch("3.8", version="1.9.1", torchvision="0.10.1"),
            _torch("3.8", version="1.10.0", torchvision="0.11.1"),
            _torch("3.8", version="1.10.2", torchvision="0.11.3"),
            _torch("3.8", version="1.11.0", torchvision="0.12.0"),
            _torch("3.8", version="1.12.0", torchvision="0.13.0"),
            _torch("3.8", version="1.12.1", torchvision="0.13.1"),
            _torch("3.9", version="1.13.1", torchvision="0.14.1"),
            _torch("3.10", version="2.0.0", torchvision="0.15.1"),
            _torch("3.10", version="2.0.1", torchvision="0.15.2"),
            _torch("3.10", version="2.1.0", torchvision="0.16.0"),
            _torch("3.10", version="2.2.0", torchvision="0.17.0"),
            _torch("3.10", version="2.2.1", torchvision="0.17.1"),
            _torch("3.11", version="2.3.0", torchvision="0.18.0"),
            _torch("3.11", version="2.4.0", torchvision="0.19.0"),
            _torch("3.11", version="2.5.1", torchvision="0.20.1"),
            _torch("3.12", version="2.6.0", torchvision="0.21.0", numpy="numpy"),
            _torch("3.12", version="2.7.1", torchvision="0.22.1", numpy="numpy"),
            _torch("3.12", version="2.8.0", torchvision="0.23.0", numpy="numpy"),
        ]
    ),
    aliases={
        "0.4": "0.4.0", "1.0": "1.0.0", "1.1": "1.1.0", "1.2": "1.2.0", "1.3": "1.3.1", "1.4": "1.4.0",
        "1.5": "1.5.0", "1.6": "1.6.0", "1.7": "1.7.1", "1.8": "1.8.1", "1.9": "1.9.1", "1.10": "1.10.2",
        "1.11": "1.11.0", "1.12": "1.12.1", "1.13": "1.13.1", "2.0": "2.0.1", "2.1": "2.1.0", "2.2": "2.2.0",
        "2.3": "2.3.0", "2.4": "2.4.0", "2.5": "2.5.1", "2.6": "2.6.0", "2.7": "2.7.1", "2.8": "2.8.0",
    },
    beyond="torch=={version}",
    cpu_torch=True,
)  # fmt: skip

_TF_SCRIPTS = ("protobuf<3.21", *_SCRIPTS)
_TF1 = ("numpy<1.19", "h5py<3", "smdebug", *_TF_SCRIPTS)
"""What TensorFlow before 2.12 does not bound itself, and breaks on: protobuf 4, the NumPy and the
Keras of later years."""
_TF20 = ("numpy<1.19", "h5py<3", *_TF_SCRIPTS)
_TF26 = ("keras<2.7", "tensorflow-estimator<2.7", *_TF_SCRIPTS)
_TF27 = ("numpy<1.24", *_TF_SCRIPTS)
_TF_PY2 = Release((), unavailable="its images were for Python 2")


def _tensorflow(versions: str, python: str, *pins: str, sources: tuple[str, ...] = ()) -> dict[str, Release]:
    return {
        version: Release((python,), (f"tensorflow=={version}", *pins), sources)
        for version in versions.split()
    }


TENSORFLOW = Family(
    "tensorflow",
    re.compile(
        r"tensorflow-(training|inference)(-graviton|-arm64)?|sagemaker-tensorflow(-scriptmode|-serving)?"
    ),
    {
        **dict.fromkeys(["1.4.1", "1.5.0", "1.6.0", "1.7.0", "1.8.0", "1.9.0", "1.10.0"], _TF_PY2),
        **_tensorflow("1.13.1 1.14.0", "3.7", *_TF1),
        **_tensorflow("1.15.0 1.15.2 1.15.3 1.15.4 1.15.5", "3.7", *_TF1, sources=("gast",)),
        **_tensorflow("2.0.0 2.0.1 2.0.2 2.0.3 2.0.4", "3.7", *_TF20, sources=("gast",)),
        **_tensorflow("2.1.0 2.1.1 2.1.2 2.1.3", "3.7", *_TF20, sources=("gast",)),
        **_tensorflow("2.2.0 2.2.1 2.2.2 2.3.0 2.3.1 2.3.2", "3.7", *_TF20),
        **_tensorflow("2.4.1 2.4.3 2.5.0 2.5.1", "3.7", *_TF_SCRIPTS, sources=("termcolor", "wrapt")),
        **_tensorflow("2.6.0 2.6.2 2.6.3", "3.8", *_TF26, sources=("clang", "termcolor", "wrapt")),
        **_tensorflow("2.7.1", "3.8", *_TF27),
        **_tensorflow("2.8.0 2.8.4 2.9.2 2.9.3 2.10.1 2.11.0 2.11.1", "3.9", *_TF27),
        **_tensorflow("2.12.0 2.12.1 2.13.0 2.14.1 2.16.1 2.16.2 2.18.0", "3.10", *_SCRIPTS),
        **_tensorflow("2.19.0", "3.12", *_SCRIPTS),
    },
    aliases={
        "1.4": "1.4.1", "1.5": "1.5.0", "1.6": "1.6.0", "1.7": "1.7.0", "1.8": "1.8.0", "1.9": "1.9.0",
        "1.10": "1.10.0", "1.13": "1.13.1", "1.14": "1.14.0", "1.15": "1.15.5",
        "2.0": "2.0.4", "2.1": "2.1.3", "2.2": "2.2.2", "2.3": "2.3.2", "2.4": "2.4.3", "2.5": "2.5.1",
        "2.6": "2.6.3", "2.7": "2.7.1", "2.8": "2.8.4", "2.9": "2.9.3", "2.10": "2.10.1", "2.11": "2.11.1",
        "2.12": "2.12.1", "2.13": "2.13.0", "2.14": "2.14.1", "2.16": "2.16.2", "2.18": "2.18.0",
        "2.19": "2.19.0",
    },
    beyond="tensorflow=={version}",
)  # fmt: skip

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

FAMILIES = (SKLEARN, XGBOOST, PYTORCH, TENSORFLOW, ALGORITHMS, PYTHON, DEBUGGER)
