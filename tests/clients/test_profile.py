"""`clary configure`: what is the user's own stays, and botocore reads what is written."""

from __future__ import annotations

import stat
from pathlib import Path

import botocore.session
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from tests.support.process import Clary

from clary.cli.configure import configure
from clary.clients.profile import edited

MINE = """# mine
[default]
region = eu-west-1   ; far
s3 =
    max_concurrent_requests = 3

[profile work]
region=eu-central-1
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "[profile clary]\nkey = new\n"),
        (MINE, MINE + "\n[profile clary]\nkey = new\n"),
        ("[a]\nkey = 1", "[a]\nkey = 1\n\n[profile clary]\nkey = new\n"),
        (
            "[profile clary]\n# why\nKEY=old\nother = 1\n\n[a]\nkey = 1\n",
            "[profile clary]\n# why\nother = 1\nkey = new\n\n[a]\nkey = 1\n",
        ),
        (
            '[ profile "clary" ]\ngone = x\nkey =\n  nested = 1\nother =\n  nested = 2\n',
            '[ profile "clary" ]\nother =\n  nested = 2\nkey = new\n',
        ),
        ("[a]\r\nx = 1\r\n", "[a]\r\nx = 1\r\n\r\n[profile clary]\r\nkey = new\r\n"),
    ],
)
def test_only_the_profiles_own_keys_change(before: str, after: str) -> None:
    values = {"key": "new", "gone": None}
    assert edited(before, "profile clary", values) == after
    assert edited(after, "profile clary", values) == after


LINES = st.lists(
    st.sampled_from(
        ["[a]", "[profile clary]", "# note", "", "key = 1", "x = 2", "s3 =", "  nested = 3", "[b]"]
    )
)


@given(LINES)
def test_the_other_sections_stay_line_by_line(lines: list[str]) -> None:
    text = edited("".join(f"{line}\n" for line in lines), "profile clary", {"key": "new"})
    assert edited(text, "profile clary", {"key": "new"}) == text
    first = lines.index("[profile clary]") if "[profile clary]" in lines else len(lines)
    assert text.splitlines()[:first] == lines[:first]
    assert "key = new" in text.splitlines()


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    config, credentials = tmp_path / "aws" / "config", tmp_path / "aws" / "credentials"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    return config, credentials


def test_botocore_reads_the_profile(clary: Clary, files: tuple[Path, Path]) -> None:
    config, _ = files
    config.parent.mkdir()
    config.write_text(MINE)
    done = CliRunner().invoke(configure, ["--home", str(clary.home), "--profile", "local"])
    assert done.exit_code == 0, done.output
    assert config.read_text().startswith(MINE)
    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600, 0o600]
    session = botocore.session.Session(profile="local")
    sts = session.create_client("sts")
    assert sts.get_caller_identity()["Account"] == "123456789012"
    sts.close()


def test_a_dry_run_writes_nothing(clary: Clary, files: tuple[Path, Path]) -> None:
    done = CliRunner().invoke(configure, ["--home", str(clary.home), "--dry-run"])
    assert done.exit_code == 0
    assert (
        f"# {files[0]}\n[profile clary]\nregion = us-east-1\nendpoint_url = {clary.connection.url}"
        in done.output
    )
    assert not files[0].parent.exists()


def test_a_name_that_cannot_be_read_back(clary: Clary, files: tuple[Path, Path]) -> None:
    done = CliRunner().invoke(configure, ["--home", str(clary.home), "--profile", "a]b"])
    assert (done.exit_code, done.output) == (
        1,
        "Error: 'a]b' cannot be a profile's name: no spaces, brackets, # or ;\n",
    )
    assert not files[0].parent.exists()
