"""The image table of AWS's deep learning images: PyTorch, TensorFlow, and Hugging Face's on both. Data only.

Versions and Pythons are those of the SageMaker Python SDK's image_uri_config. A framework's version is exact; what
stands beside it in AWS's images is the newest that goes with it and its Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from clary.images.family import Family, Release

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
    beyond=("torch=={version}",),
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
_TF_OLD = Release((), unavailable="it is older than 1.13, the oldest that is kept working here")


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
        **dict.fromkeys(["1.11.0", "1.12.0"], _TF_OLD),
        **_tensorflow("1.13.1 1.14.0", "3.7", *_TF1),
        **_tensorflow("1.15.0 1.15.2 1.15.3 1.15.4 1.15.5", "3.7", *_TF1, sources=("gast",)),
        **_tensorflow("2.0.0 2.0.1 2.0.2 2.0.3 2.0.4", "3.7", *_TF20, sources=("gast",)),
        **_tensorflow("2.1.0 2.1.1 2.1.2 2.1.3", "3.7", *_TF20, sources=("gast",)),
        **_tensorflow("2.2.0 2.2.1 2.2.2 2.3.0 2.3.1 2.3.2", "3.7", *_TF20),
        **_tensorflow("2.4.1 2.4.3 2.5.0 2.5.1", "3.7", *_TF_SCRIPTS, sources=("termcolor", "wrapt")),
        **_tensorflow("2.6.0 2.6.2 2.6.3", "3.8", *_TF26, sources=("clang", "termcolor", "wrapt")),
        **_tensorflow("2.7.0 2.7.1", "3.8", *_TF27),
        **_tensorflow("2.8.0 2.8.4 2.9.2 2.9.3 2.10.0 2.10.1 2.11.0 2.11.1", "3.9", *_TF27),
        **_tensorflow("2.12.0 2.12.1 2.13.0 2.14.1 2.16.1 2.16.2 2.18.0", "3.10", *_SCRIPTS),
        **_tensorflow("2.19.0", "3.12", *_SCRIPTS),
    },
    aliases={
        "1.4": "1.4.1", "1.5": "1.5.0", "1.6": "1.6.0", "1.7": "1.7.0", "1.8": "1.8.0", "1.9": "1.9.0",
        "1.10": "1.10.0", "1.11": "1.11.0", "1.12": "1.12.0", "1.13": "1.13.1", "1.13.0": "1.13.1",
        "1.14": "1.14.0", "1.15": "1.15.5",
        "2.0": "2.0.4", "2.1": "2.1.3", "2.2": "2.2.2", "2.3": "2.3.2", "2.4": "2.4.3", "2.5": "2.5.1",
        "2.6": "2.6.3", "2.7": "2.7.1", "2.8": "2.8.4", "2.9": "2.9.3", "2.10": "2.10.1", "2.11": "2.11.1",
        "2.12": "2.12.1", "2.13": "2.13.0", "2.14": "2.14.1", "2.16": "2.16.2", "2.18": "2.18.0",
        "2.19": "2.19.0",
    },
    beyond=("tensorflow=={version}",),
)  # fmt: skip

_TRANSFORMERS = ("transformers=={transformers}", "datasets", "sentencepiece")
"""What Hugging Face's images have beside their framework, in training and inference alike."""
_EVALUATE_SINCE = (4, 26)
"""Earlier ones pin a hub library that `evaluate` is too new for."""


def _hugging_face(of: Family, pairs: str, *others: str) -> Iterator[tuple[str, Release]]:
    """`pairs`: `FRAMEWORK/TRANSFORMERS[,TRANSFORMERS]...`, as the images' tags pair them."""
    for pair in pairs.split():
        version, _, several = pair.partition("/")
        release = of.releases[version]
        for transformers in several.split(","):
            beside = [line.format(transformers=transformers) for line in (*_TRANSFORMERS, *others)]
            if tuple(map(int, transformers.split(".")[:2])) >= _EVALUATE_SINCE:
                beside.append("evaluate")
            requirements = (*release.requirements, *beside)
            yield (
                f"{version}-transformers{transformers}",
                Release(release.python, requirements, release.sources),
            )


def _short(releases: dict[str, Release]) -> dict[str, str]:
    """`2.1-transformers4.36` for `2.1.0-transformers4.36.0`, the newest where there are several."""
    return {re.sub(r"(\d+\.\d+)\.\d+", r"\1", version): version for version in releases}


_ON_PYTORCH = dict(
    _hugging_face(
        PYTORCH,
        "1.6.0/4.4.2,4.5.0,4.6.1 1.7.1/4.6.1 1.8.1/4.6.1,4.10.2 1.9.0/4.10.2,4.11.0 1.9.1/4.12.3 1.10.2/4.17.0"
        " 1.13.1/4.26.0 2.0.0/4.28.1 2.1.0/4.36.0,4.37.0 2.3.0/4.46.1,4.48.0 2.5.1/4.49.0"
        " 2.6.0/4.49.0,4.51.3,5.5.3 2.7.1/4.55.0 2.8.0/4.56.2",
        "accelerate",
    )
)
_ON_TENSORFLOW = dict(
    _hugging_face(
        TENSORFLOW,
        "2.4.1/4.4.2,4.5.0,4.6.1,4.10.2 2.5.1/4.10.2,4.11.0,4.12.3 2.6.3/4.17.0 2.11.0/4.26.0",
    )
)

HUGGINGFACE_PYTORCH = Family(
    "huggingface-pytorch",
    re.compile(r"huggingface-pytorch-(training|inference)"),
    _ON_PYTORCH,
    aliases=_short(_ON_PYTORCH),
    beyond=("torch=={version}", *_TRANSFORMERS, "accelerate", "evaluate"),
    cpu_torch=True,
)
HUGGINGFACE_TENSORFLOW = Family(
    "huggingface-tensorflow",
    re.compile(r"huggingface-tensorflow-(training|inference)"),
    _ON_TENSORFLOW,
    aliases=_short(_ON_TENSORFLOW),
    beyond=("tensorflow=={version}", *_TRANSFORMERS),
)
