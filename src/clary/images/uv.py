"""uv, run as a program: its stderr told to people line by line, its failures as one readable sentence."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

import uv as uv_package

from clary.images.ports import Progress

_TOLD = re.compile(
    r"(?P<resolved>Resolved (?P<count>\d+) packages?)"
    r"|Downloading (?P<downloading>\S+ \(.*\))"
    r"|Downloaded (?P<downloaded>\S+)"
    r"|Building (?P<building>\S+)"
    r"|Prepared (?P<prepared>\d+) packages?"
    r"|Installed (?P<installed>\d+) packages?"
)
_URL = re.compile(r"(?:https?|file)://[^\s)`]+")
_PATH = re.compile(r"(?<![\w.:/])/(?:[\w.@+~-]+/)+[\w.@+~-]*")
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_GLYPHS = re.compile(r"^[\s│├└╰─▶×⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]+")


class UvError(Exception):
    """uv refused; the message is its own last words, without paths, addresses and colours."""


def binary() -> str:
    return os.fspath(uv_package.find_uv_bin())


def environment(cache: Path) -> dict[str, str]:
    """What uv gets of the server's environment: all but what would lead it to another Python or project."""
    dropped = ("VIRTUAL_ENV", "CONDA_PREFIX", "UV_PYTHON", "UV_PROJECT_ENVIRONMENT", "UV_SYSTEM_PYTHON")
    env = {name: value for name, value in os.environ.items() if name not in dropped}
    env.setdefault("UV_CACHE_DIR", str(cache))
    env.setdefault("UV_SYSTEM_CERTS", "true")
    env.update(NO_COLOR="1", UV_PYTHON_DOWNLOADS="never", UV_NO_PROGRESS="", PYTHONNOUSERSITE="1")
    del env["UV_NO_PROGRESS"]  # with it uv tells nothing of downloads
    return env


def run(arguments: Iterable[str], env: dict[str, str], progress: Progress, held: int) -> None:
    """Run it to its end. `held` is a lock's descriptor that the child shares, so that the lock outlives this
    process for as long as uv still writes. Raises `UvError`."""
    command = [binary(), *arguments]
    said: list[str] = []
    with subprocess.Popen(
        command, env=env, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, errors="replace", pass_fds=(held,),
    ) as child:  # fmt: skip
        assert child.stderr is not None
        for line in child.stderr:
            said.append(line)
            if told := tell(line):
                progress(told)
    if child.returncode:
        raise UvError(last_words(said) or f"uv ended with code {child.returncode}")


def tell(line: str) -> str:
    """A line of uv's for people, or nothing."""
    found = _TOLD.match(_COLOUR.sub("", line).strip())
    if not found:
        return ""
    kind, value = found.lastgroup or "", found[found.lastgroup or 0]
    if found["resolved"]:
        kind, value = "resolved", found["count"]
    text = {
        "resolved": "Resolved {} packages",
        "downloading": "Downloading {}",
        "downloaded": "Downloaded {}",
        "building": "Building {} from source",
        "prepared": "Prepared {} packages",
        "installed": "Installed {} packages",
    }[kind].format(value)
    return text.removesuffix("s") if value == "1" else text


def last_words(lines: Iterable[str], limit: int = 500) -> str:
    """uv's error as one paragraph of at most `limit` characters."""
    words: list[str] = []
    for raw in lines:
        line = _GLYPHS.sub("", _COLOUR.sub("", raw).rstrip())
        if line.startswith(("error:", "×")) or (not words and line.startswith("No solution found")):
            words = []
        if line.startswith(("Using ", "Resolved ", "warning:", "hint:", "help:")) or tell(raw):
            continue
        words.append(re.sub(r"^(error|cause|×)[: ]\s*", "", line))
    text = " ".join(" ".join(words).split())
    text = _PATH.sub("", _URL.sub(lambda found: _last_part(found.group()), text))
    text = re.sub(r"No solution found when resolving dependencies:? ?", "", text)
    text = re.sub(r"\s+([,.)])", r"\1", text).strip()
    if "client error (Connect)" in text or "dns error" in text:
        text = f"the index cannot be reached: {text.rpartition('error ')[2] or text}"
    return text if len(text) <= limit else f"{text[: limit - 4].rsplit(' ', 1)[0]} ..."


def _last_part(url: str) -> str:
    return url.rstrip("/").rpartition("/")[2]
