"""What people see of uv's output."""

from __future__ import annotations

import pytest

from clary.images.uv import last_words, tell


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("Resolved 20 packages in 950ms\n", "Resolved 20 packages"),
        ("Resolved 1 package in 1ms\n", "Resolved 1 package"),
        ("Downloading botocore (14.3MiB)\n", "Downloading botocore (14.3MiB)"),
        (" Downloaded botocore\n", "Downloaded botocore"),
        ("   Building gast==0.2.2\n", "Building gast==0.2.2 from source"),
        ("\x1b[2mInstalled \x1b[1m20 packages\x1b[0m\x1b[2m in 97ms\x1b[0m\n", "Installed 20 packages"),
        (" + numpy==1.24.1\n", ""),
        ("Using Python 3.9.18 environment at: t\n", ""),
        ("\n", ""),
    ],
)
def test_progress(line: str, told: str) -> None:
    assert tell(line) == told


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            "Using Python 3.10.13 environment at: t\n"
            "error: No solution found when resolving dependencies\n"
            "  cause: Because there is no version of x==9 and you require x==9, we can conclude that your\n"
            "         requirements are unsatisfiable.\n\nhint: try something\n",
            "Because there is no version of x==9 and you require x==9, we can conclude that your requirements"
            " are unsatisfiable.",
        ),
        (
            "  \x1b[31m×\x1b[0m No solution found when resolving dependencies:\n"
            "  ╰─▶ Because only tiny==1.0 is available\n      and you require tiny==2.0, no.\n",
            "Because only tiny==1.0 is available and you require tiny==2.0, no.",
        ),
        (
            "error: Request failed after 3 retries in 9.9s\n  cause: Failed to fetch: `https://i.example/simple/x/`\n"
            "  cause: error sending request for url (https://i.example/simple/x/)\n  cause: client error (Connect)\n"
            "  cause: dns error\n  cause: failed to lookup address information: Name or service not known\n",
            "the index cannot be reached: failed to lookup address information: Name or service not known",
        ),
        ("error: Distribution not found at: file:///home/me/x.whl\n", "Distribution not found at: x.whl"),
        ("error: Failed to read /home/me/.cache/uv/a-b/c.whl\n", "Failed to read"),
    ],
)  # fmt: skip
def test_last_words(said: str, words: str) -> None:
    assert last_words(said.splitlines(keepends=True)) == words


def test_last_words_are_short() -> None:
    assert len(last_words(["error: " + "word " * 1000])) <= 500
