"""file:// channels: folders of this machine, read in place, where the settings open them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.jobs import Jobs
from tests.support.process import Clary

READ = """
import os
root = "/opt/ml/input/data/train"
for name in sorted(os.listdir(root)): print(name, open(os.path.join(root, name)).read())
try:
    open(os.path.join(root, "new"), "w").write("x")
except OSError as error:
    print(type(error).__name__)
"""


def channel(uri: str, **changes: Any) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, **changes.pop("source", {})}
    return {"ChannelName": "train", "DataSource": {"S3DataSource": source}, **changes}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "open" / "deep").mkdir(parents=True)
    (folder / "open" / "deep" / "a").write_text("<a>")
    (folder / "secret").write_text("secret")
    (folder / "open" / "link").symlink_to(folder / "secret")
    return folder


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Iterator[Jobs]:
    with Clary(tmp_path_factory.mktemp("clary") / "home", input_folders=str(data / "open")) as server:
        yield Jobs(server)


@pytest.mark.parametrize("place", ["deep", "deep/a"])
def test_a_folder_or_a_file_is_read(jobs: Jobs, data: Path, place: str) -> None:
    job = jobs.run(READ, InputDataConfig=[channel(f"file://{data}/open/{place}")])
    lines = jobs.lines(job["TrainingJobName"])
    assert lines[0] == "a <a>", (job, lines)
    assert sorted(path.name for path in (data / "open" / "deep").iterdir()) == ["a"], (
        "nothing is written there"
    )


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("secret", {}, "is in no folder that this server opens"),
    ("open/../secret", {}, "is in no folder"),
    ("open/link", {}, "is in no folder"),
    ("open/absent", {}, "does not exist"),
    ("open/deep", {"InputMode": "Pipe"}, "read in place"),
    ("open/deep", {"CompressionType": "Gzip"}, "read in place"),
    ("open/deep", {"source": {"S3DataDistributionType": "ShardedByS3Key"}}, "read in place"),
]


@pytest.mark.parametrize(("place", "changes", "words"), REFUSED)
def test_what_is_not_open_is_refused(
    jobs: Jobs, data: Path, place: str, changes: dict[str, Any], words: str
) -> None:
    request = jobs.request(InputDataConfig=[channel(f"file://{data}/{place}", **dict(changes))])
    with pytest.raises(ClientError, match=words) as raised:
        jobs.sagemaker.create_training_job(**request)
    assert raised.value.response["Error"]["Code"] == "ValidationException"


def test_without_the_setting_nothing_is_open(own_clary: Clary, data: Path) -> None:
    jobs = Jobs(own_clary)
    request = jobs.request(InputDataConfig=[channel(f"file://{data}/open/deep")])
    with pytest.raises(ClientError, match="see the setting input_folders"):
        jobs.sagemaker.create_training_job(**request)
