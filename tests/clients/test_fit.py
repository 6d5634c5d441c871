"""`estimator.fit(wait=True)` of the SDK v2: logs shown, failures raised, the execution role found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.clients import Client, client_python
from tests.support.process import Clary

SKLEARN = """
import logging, sys, time
import sagemaker
from sagemaker.sklearn import SKLearn

session = sagemaker.session.Session()
estimator = SKLearn(entry_point="train.py", source_dir="source", framework_version="1.2-1", py_version="py3",
                    instance_type="ml.m5.large", role=sagemaker.get_execution_role(), sagemaker_session=session)
"""


@pytest.fixture(scope="module")
def clary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clary]:
    with Clary(tmp_path_factory.mktemp("fit") / "home") as server:
        yield server


@pytest.fixture
def client(clary: Clary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    (tmp_path / "source").mkdir()
    monkeypatch.chdir(tmp_path)
    connection = clary.connection
    return Client(tmp_path / "user", connection.url, (connection.access_key, connection.secret_key))


def test_fit_shows_the_log_and_leaves_the_model(client: Client) -> None:
    Path("source/train.py").write_text(
        "import os, sklearn, joblib\n"
        "print('trained with', sklearn.__version__)\n"
        "joblib.dump([1, 2], os.environ['SM_MODEL_DIR'] + '/model.joblib')\n"
    )
    done = client.script(
        client_python("v2"),
        SKLEARN
        + "estimator.fit(wait=True)\nprint('MODEL', estimator.model_data, estimator.latest_training_job.name)",
    )
    assert "trained with 1.2.1" in done.stdout
    assert "Training job completed" in done.stdout
    assert "/output/model.tar.gz" in done.stdout.split("MODEL")[1]


def test_a_script_that_raises_raises_in_fit_with_its_reason(client: Client) -> None:
    Path("source/train.py").write_text("raise ValueError('no such column: price')\n")
    done = client.script(client_python("v2"), SKLEARN + "estimator.fit(wait=True)", check=False)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "UnexpectedStatusException" in said
    assert "no such column: price" in said


def test_requirements_are_installed_on_top_of_the_image(client: Client) -> None:
    Path("source/requirements.txt").write_text("humanize==4.9.0\n")
    Path("source/train.py").write_text(
        "import humanize, sklearn\nprint(humanize.intcomma(1234567), sklearn.__version__)\n"
    )
    done = client.script(client_python("v2"), SKLEARN + "estimator.fit(wait=True)")
    assert "1,234,567 1.2.1" in done.stdout


def test_requirements_that_do_not_resolve_fail_the_job_with_what_was_asked(client: Client) -> None:
    Path("source/requirements.txt").write_text("humanize==999.0\n")
    Path("source/train.py").write_text("print('never')\n")
    done = client.script(client_python("v2"), SKLEARN + "estimator.fit(wait=True)", check=False)
    assert done.returncode != 0
    assert "humanize==999.0" in done.stdout + done.stderr
    assert "never" not in done.stdout
