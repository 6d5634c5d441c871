"""What the SDKs' ModelBuilder leaves to the image, and where its libraries go."""

from __future__ import annotations

from pathlib import Path

import pytest

from clary.orchestrator.endpoints import model_builder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """As an archive of ModelBuilder's is unpacked."""
    folder = tmp_path / "model"
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "serve.pkl").touch()
    (folder / "shared_libs").mkdir()
    (folder / "shared_libs" / "libmine.so").touch()
    return folder


def test_libraries_lie_where_the_linker_looks(model: Path) -> None:
    assert model_builder.variables(model.parent, "/opt/ml") == {}
    model_builder.put_libraries_aside(model, model.parent)
    assert not (model / "shared_libs").exists()
    assert (model.parent / "shared_libs" / "libmine.so").exists()
    assert model_builder.variables(model.parent, "/opt/ml") == {"LD_LIBRARY_PATH": "/opt/ml/shared_libs"}


def test_an_unpacking_that_was_cut_short_is_done_again(model: Path) -> None:
    (model.parent / "shared_libs").mkdir()
    (model.parent / "shared_libs" / "half").touch()
    model_builder.put_libraries_aside(model, model.parent)
    assert [path.name for path in (model.parent / "shared_libs").iterdir()] == ["libmine.so"]


@pytest.mark.parametrize(
    ("asked", "needed"),
    [
        ("numpy==2.4.6", True),
        ("sagemaker-core==2.27.0\nsagemaker-train==1.27.0", True),
        ("", True),
        ("sagemaker-serve==1.27.0", False),
        ("sagemaker", False),
    ],
)
def test_the_script_s_own_imports_are_added_once(model: Path, asked: str, needed: bool) -> None:
    added = model_builder.requirements(model, asked, given=False, torch=False)
    assert ("sagemaker-serve" in added.replace(asked, "")) is needed
    assert added.startswith(asked.rstrip())


def test_other_archives_are_left_alone(model: Path) -> None:
    (model / "code" / "serve.pkl").unlink()
    model_builder.put_libraries_aside(model, model.parent)
    assert (model / "shared_libs").exists()
    assert model_builder.requirements(model, "numpy", given=False, torch=False) == "numpy"
    v2 = "sagemaker[huggingface]>=2.199"
    assert model_builder.requirements(model, v2, given=False, torch=False) == v2


def test_an_interpreter_of_the_user_s_is_the_user_s_affair(model: Path) -> None:
    assert model_builder.requirements(model, "numpy", given=True, torch=False) == "numpy"


@pytest.mark.parametrize("given", [True, False])
def test_v2_s_archives_are_not_served_by_v3_s_modules(model: Path, given: bool) -> None:
    asked = "numpy==2.1.0\nsagemaker[huggingface]>=2.199\n"
    plain = model_builder.requirements(model, asked, given=given, torch=False)
    assert plain == "numpy==2.1.0\nsagemaker>=2.199,<3\n"
    assert "sagemaker[huggingface]>=2.199,<3\n" in model_builder.requirements(
        model, asked, given=given, torch=True
    )
