"""The image table: what URIs stand for, and what is said of those that stand for nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from clary.images.catalog import FAMILIES
from clary.images.environments import Environments
from clary.images.family import Family
from clary.images.ports import EnvironmentSpec, ImageError, Server
from clary.images.resolve import framework, parse_tag, resolve
from clary.images.uri import ImageURI, parse
from clary.settings import Settings, SettingsError

DIGEST = "sha256:" + "ab12" * 16


def lookup(uri: str) -> EnvironmentSpec:
    return resolve(uri, gpu=False, cpu_torch=True)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("python:3.11-slim", ImageURI("", "python", "3.11-slim", "")),
        ("library/python", ImageURI("", "library/python", "", "")),
        ("localhost/a:1", ImageURI("localhost", "a", "1", "")),
        ("localhost:5000/team/a_b--c:1.0_x", ImageURI("localhost:5000", "team/a_b--c", "1.0_x", "")),
        (f"public.ecr.aws/x/y@{DIGEST}", ImageURI("public.ecr.aws", "x/y", "", DIGEST)),
        (f"h.io/x:1-2@{DIGEST}", ImageURI("h.io", "x", "1-2", DIGEST)),
    ],
)
def test_uris(uri: str, expected: ImageURI) -> None:
    assert parse(uri) == expected


@pytest.mark.parametrize("uri", ["", ":", "UPPER:1", "a b:1", "x/:1", "h.io/", "a:b:c", f"@{DIGEST}"])
def test_what_is_no_uri(uri: str) -> None:
    with pytest.raises(ValueError, match="is not an image URI"):
        parse(uri)


@pytest.mark.parametrize(
    ("uri", "family", "version", "python", "requirement"),
    [
        # As the clients send them.
        (
            "763104351884.dkr.ecr.us-east-1.amazonaws.com/tensorflow-training:1.15-gpu-py3",
            *("tensorflow", "1.15.5", "3.7", "tensorflow==1.15.5"),
        ),
        (
            "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.0-cpu-py310",
            *("pytorch", "2.0.1", "3.10", "torch==2.0.1"),
        ),
        (
            "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.0.0-cpu-py310",
            *("pytorch", "2.0.0", "3.10", "torch==2.0.0"),
        ),
        (
            "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3",
            *("scikit-learn", "1.2-1", "3.9", "scikit-learn==1.2.1"),
        ),
        (
            "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
            *("xgboost", "1.7-1", "3.8", "xgboost==1.7.4"),
        ),
        # Other regions, partitions, accounts, registries; a digest beside the tag.
        (
            "450853457545.dkr.ecr.cn-north-1.amazonaws.com.cn/sagemaker-scikit-learn:0.23-1-cpu-py3",
            *("scikit-learn", "0.23-1", "3.7", "scikit-learn==0.23.2"),
        ),
        (
            "833128469047.dkr.ecr.us-iso-east-1.c2s.ic.gov/sagemaker-scikit-learn:1.0-1-cpu-py3",
            *("scikit-learn", "1.0-1", "3.7", "scikit-learn==1.0.2"),
        ),
        (
            f"localhost:5000/mirror/sagemaker-scikit-learn:1.4-2-cpu-py3@{DIGEST}",
            *("scikit-learn", "1.4-2", "3.10", "scikit-learn==1.4.2"),
        ),
        ("a.example/sagemaker-xgboost:3.0-5-cpu-py3", "xgboost", "3.0-5", "3.10", "xgboost==3.0.5"),
        ("811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:latest", "xgboost", "1", "3.7", "xgboost==0.72.1"),
        ("a.example/sagemaker-xgboost:0.90-2-cpu-py3", "xgboost", "0.90-2", "3.7", "xgboost==0.90"),
        # Older names and the tags' longer forms.
        (
            "520713654638.dkr.ecr.us-east-1.amazonaws.com/sagemaker-tensorflow-scriptmode:1.15.2-cpu-py3",
            *("tensorflow", "1.15.2", "3.7", "tensorflow==1.15.2"),
        ),
        (
            "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-training:2.1.0-gpu-py310-cu121-ubuntu20.04-sagemaker",
            *("pytorch", "2.1.0", "3.10", "torch==2.1.0"),
        ),
        ("a.example/pytorch-inference-graviton:2.2.1-cpu-py310", "pytorch", "2.2.1", "3.10", "torch==2.2.1"),
        ("a.example/pytorch-training:1.4.0-cpu-py3", "pytorch", "1.4.0", "3.6", "torch==1.4.0"),
        ("a.example/tensorflow-inference:2.12-cpu", "tensorflow", "2.12.1", "3.10", "tensorflow==2.12.1"),
        ("a.example/tensorflow-training:2.13-cpu-py310", "tensorflow", "2.13.0", "3.10", "tensorflow==2.13.0"),
        # The tag's Python wins over the table's.
        ("a.example/tensorflow-training:1.15.5-cpu-py36", "tensorflow", "1.15.5", "3.6", "tensorflow==1.15.5"),
        # Newer than the table: the tag says all that is needed.
        ("a.example/pytorch-training:2.13.0-cpu-py311", "pytorch", "2.13.0", "3.11", "torch==2.13.0"),
        ("a.example/pytorch-training:2.9-cpu-py312", "pytorch", "2.9", "3.12", "torch==2.9.*"),
        # Hugging Face's, by both versions; newer than the table, too.
        (
            "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-training:"
            "2.1.0-transformers4.36.0-gpu-py310-cu121-ubuntu20.04",
            *("huggingface-pytorch", "2.1.0-transformers4.36.0", "3.10", "transformers==4.36.0"),
        ),
        (
            "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-tensorflow-inference:"
            "2.11.0-transformers4.26.0-cpu-py39-ubuntu20.04",
            *("huggingface-tensorflow", "2.11.0-transformers4.26.0", "3.9", "tensorflow==2.11.0"),
        ),
        (
            "a.example/huggingface-pytorch-inference:2.6-transformers4.51-cpu",
            *("huggingface-pytorch", "2.6.0-transformers4.51.3", "3.12", "torch==2.6.0"),
        ),
        (
            "a.example/huggingface-pytorch-training:2.9.0-transformers5.3.0-gpu-py312-cu130-ubuntu22.04",
            *("huggingface-pytorch", "2.9.0-transformers5.3.0", "3.12", "transformers==5.3.0"),
        ),
        # The tag's Python before the processor, and a build numbered 0.
        ("a.example/sagemaker-scikit-learn:1.4-2-py312-cpu-py3", "scikit-learn", "1.4-2", "3.12", "scikit-learn==1.4.2"),
        ("a.example/sagemaker-xgboost:3.2-0", "xgboost", "3.2-0", "3.12", "xgboost==3.2.0"),
        # Plain Python.
        ("python:3.10", "python", "3.10", "3.10", "pip"),
        ("python:3.11-slim", "python", "3.11", "3.11", "pip"),
        ("docker.io/library/python:3.9.18-slim-bookworm", "python", "3.9.18", "3.9.18", "pip"),
        ("clary/python", "python", "3.11", "3.11", "pip"),
        ("236514542706.dkr.ecr.us-east-1.amazonaws.com/sagemaker-base-python-310:1.0", "python", "3.10", "3.10", "pip"),
    ],
)  # fmt: skip
def test_what_an_image_stands_for(uri: str, family: str, version: str, python: str, requirement: str) -> None:
    spec = lookup(uri)
    assert (spec.family, spec.version, spec.python[0]) == (family, version, python)
    assert requirement in spec.requirements
    assert spec.image == uri


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("123456789012.dkr.ecr.us-east-1.amazonaws.com/my-model:7", "stands for no environment here; those of"),
        ("382416733822.dkr.ecr.us-east-1.amazonaws.com/object-detection:1", "stands for no environment here"),
        ("a.example/sagemaker-scikit-learn:1.3-1-cpu-py3", "there is no scikit-learn 1.3-1 here. There are 0.20.0,"),
        ("a.example/sagemaker-xgboost:9.9-9", "there is no xgboost 9.9-9 here. There are 0.90-1,"),
        ("a.example/huggingface-pytorch-training:2.1.0", "there is no huggingface-pytorch 2.1.0 here. There are 1.6.0-tr"),
        ("a.example/tensorflow-inference:1.12-cpu", "cannot be had: it is older than 1.13"),
        ("a.example/pytorch-training:9.9", "there is no pytorch 9.9 here. There are 1.0.0,"),
        ("a.example/sagemaker-pytorch:0.4-cpu-py3", "cannot be had: package indexes do not have PyTorch 0.4.0"),
        ("a.example/sagemaker-tensorflow:1.8-cpu-py2", "asks for Python 2"),
        ("a.example/tensorflow-training:2.0.1-cpu-py27", "asks for Python 2"),
        ("a.example/sagemaker-tensorflow:1.8-cpu-py3", "cannot be had: its images were for Python 2"),
        ("a.example/pytorch-training:nightly", "the tag 'nightly' is not one of AWS's. There are"),
        (f"a.example/pytorch-training@{DIGEST}", "is named by a digest, which does not say its version"),
        ("python:2.7", "there is no python 2.7 here"),
    ],
)  # fmt: skip
def test_what_stands_for_nothing(uri: str, said: str) -> None:
    with pytest.raises(ImageError, match=re.escape(said)) as caught:
        lookup(uri)
    reason = str(caught.value)
    assert reason.startswith(f"Image {uri}")
    assert "[image_aliases] in config.toml" in reason
    assert len(reason) <= 1024, "a FailureReason's longest"


def test_what_is_no_uri_is_refused() -> None:
    with pytest.raises(ImageError, match="is not an image URI"):
        lookup("not an image")


def test_a_gpu_image_without_gpu_says_so_and_shares_the_cpu_images_environment() -> None:
    gpu, cpu = lookup("x/tensorflow-training:1.15-gpu-py3"), lookup("x/tensorflow-training:1.15.5-cpu-py3")
    assert gpu.notes == (
        "tensorflow-training:1.15-gpu-py3 is a GPU image; without a GPU here, it runs on the CPU.",
    )
    assert cpu.notes == ()
    assert gpu == cpu
    assert resolve("x/tensorflow-training:1.15-gpu-py3", gpu=True, cpu_torch=False).notes == ()


def test_on_a_gpu_pytorch_is_the_indexs_own_build() -> None:
    uri = "x/pytorch-training:2.0-gpu-py310"
    assert lookup(uri).cpu_torch
    assert not resolve(uri, gpu=True, cpu_torch=False).cpu_torch
    assert not lookup("x/tensorflow-training:2.13-gpu-py310").cpu_torch


ROWS = [
    pytest.param(family, version, id=f"{family.name}-{version}")
    for family in FAMILIES
    for version, release in family.releases.items()
    if not release.unavailable
]


@pytest.mark.parametrize(("family", "version"), ROWS)
def test_every_row_is_reached_by_its_tag_and_is_exact(family: Family, version: str) -> None:
    repository = {
        "scikit-learn": "sagemaker-scikit-learn",
        "xgboost": "sagemaker-xgboost",
        "pytorch": "pytorch-training",
        "tensorflow": "tensorflow-training",
        "huggingface-pytorch": "huggingface-pytorch-training",
        "huggingface-tensorflow": "huggingface-tensorflow-training",
        "algorithms": "linear-learner",
        "debugger-rules": "sagemaker-debugger-rules",
        "python": "python",
    }[family.name]
    spec = lookup(f"{repository}:{version}")
    assert spec.version == version
    if family.name != "python":
        assert re.fullmatch(r"[a-z-]+==[0-9.]+", spec.requirements[0])


def test_built_in_algorithms_share_an_environment() -> None:
    names = ("linear-learner", "kmeans", "knn", "pca", "randomcutforest", "factorization-machines")
    specs = {lookup(f"382416733822.dkr.ecr.eu-west-1.amazonaws.com/{name}:1") for name in names}
    assert len(specs) == 1
    assert lookup("811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:latest").family == "xgboost"


def test_short_versions_lead_to_rows() -> None:
    for family in FAMILIES:
        assert set(family.aliases.values()) <= family.releases.keys(), family.name


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("1.2-1-cpu-py3", ("1.2-1", "cpu", None)),
        ("1.7-1", ("1.7-1", "", None)),
        ("2.0.0-gpu-py310-cu118", ("2.0.0", "gpu", "3.10")),
        ("1.15-py37", ("1.15", "", "3.7")),
        ("latest", ("latest", "", None)),
        ("1-cpu-py2", ("1", "cpu", "2")),
        ("1.9-0-cpu-py3", ("1.9-0", "cpu", None)),
        ("2.1.0-transformers4.37.0-cpu-py310-ubuntu22.04", ("2.1.0-transformers4.37.0", "cpu", "3.10")),
    ],
)
def test_tags(tag: str, expected: tuple[str, str, str | None]) -> None:
    read = parse_tag(tag)
    assert read is not None
    assert (read.version, read.processor, read.python) == expected


def environments(table: dict[str, object]) -> Environments:
    return Environments(Path("/nowhere"), Settings(image_aliases=table))


def test_an_alias_goes_before_the_table_and_the_first_that_matches_wins() -> None:
    aliased = environments(
        {
            "*/sagemaker-scikit-learn:1.2-1*": {"requirements": ["scikit-learn==1.3.0"], "python": "3.11"},
            "*/sagemaker-scikit-learn:*": {"interpreter": "/opt/python"},
        }
    )
    first = aliased.resolve("x/sagemaker-scikit-learn:1.2-1-cpu-py3")
    assert (first.family, first.python) == ("alias", ("3.11",))
    assert first.requirements == ("scikit-learn==1.3.0",)
    assert aliased.resolve("x/sagemaker-scikit-learn:1.0-1-cpu-py3").interpreter == Path("/opt/python")
    assert aliased.resolve("x/sagemaker-xgboost:1.7-1").family == "xgboost"


def test_an_alias_gives_another_environment_and_leaves_the_image_its_server() -> None:
    aliased = environments({"*": {"interpreter": "/opt/python"}})
    for uri, expected in {
        "x/pytorch-inference:2.0-cpu-py310": "pytorch",
        "x/huggingface-pytorch-inference:2.1.0-transformers4.37.0-cpu-py310": "huggingface-pytorch",
        "x/mine:1": "alias",
    }.items():
        assert framework(aliased.resolve(uri)) == expected
    assert framework(lookup("x/sagemaker-xgboost:1.7-1")) == "xgboost"


def test_an_alias_may_bring_a_server_of_its_own_and_shares_its_environment() -> None:
    plain = {"requirements": ["flask"], "python": "3.11"}
    aliased = environments({
        "x/app:*": {**plain, "program": "/srv/app"},
        "x/web:*": {**plain, "serve": "uvicorn app:app --port 8080", "network": "host"},
        "x/*": plain,
    })  # fmt: skip
    app, web, none = (aliased.resolve(f"x/{name}:1") for name in ("app", "web", "none"))
    assert app.server == Server(("serve",), Path("/srv/app"))
    assert web.server == Server(("uvicorn", "app:app", "--port", "8080"), host_network=True)
    assert none.server is None
    assert aliased.derive(app, "numpy").server == app.server


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("python3", "expected a table, got 'python3'"),
        (
            {"requirement": []},
            "unknown key 'requirement'. Known: interpreter, network, program, python, requirements, serve",
        ),
        ({"requirements": "numpy", "python": "3.10"}, "requirements should be a list of strings, not 'numpy'"),
        ({"requirements": ["numpy"]}, 'python should be a version such as "3.10", not None'),
        ({"requirements": ["numpy"], "python": 3.1}, "python should be a version"),
        ({"interpreter": "python3"}, "interpreter should be an absolute path, not 'python3'"),
        ({"interpreter": "/p", "python": "3.10"}, "an interpreter is used as it is"),
        ({"interpreter": "/p", "serve": []}, "serve should be a command, not []"),
        ({"interpreter": "/p", "program": "app"}, "program should be the absolute path of a folder, not 'app'"),
        ({"interpreter": "/p", "serve": "s", "network": "none"}, 'network should be "host"'),
        ({"interpreter": "/p", "network": "host"}, "network is for a program that serves"),
    ],
)  # fmt: skip
def test_aliases_that_cannot_be_meant(value: object, said: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(said)) as caught:
        environments({"x:*": value})
    assert str(caught.value).startswith("image_aliases['x:*']: ")
