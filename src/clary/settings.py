"""Every setting, once: `HOME/config.toml`, then CLARY_* in the environment, then what the command line says.

In TOML a setting is a top-level key of its own name; in the environment its name in upper case after
`CLARY_`, lists separated by commas (`CLARY_FIND_LINKS=/wheels`), tables as JSON. An unknown key is an error.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal


class SettingsError(Exception):
    """A setting that cannot be used; the message names it, its source and what is expected."""


def setting(default: Any, doc: str) -> Any:
    if isinstance(default, (dict, list)):
        return field(default_factory=lambda: default, metadata={"doc": doc})
    return field(default=default, metadata={"doc": doc})


@dataclass(frozen=True)
class Settings:
    home: Path = setting(Path("~/.clary"), "Folder that holds everything Clary keeps.")
    host: str = setting("127.0.0.1", "Address to listen on. Anything but loopback is your decision.")
    port: int = setting(4747, "Port to listen on; 0 takes a free one.")
    account: str = setting("123456789012", "AWS account ID that resources are in.")
    region: str = setting("us-east-1", "Region that `clary env` and `clary configure` write.")
    clock_skew: int = setting(300, "Seconds by which a request's signature may differ from this clock.")
    job_cpus: int = setting(0, "CPUs that jobs may use together; 0: all of the machine.")
    job_memory_gib: float = setting(0.0, "Memory in GiB that jobs may use together; 0: all of the machine.")
    job_gpus: int = setting(-1, "GPUs that jobs may use together; -1: those found.")
    refuse_larger_instances: bool = setting(
        False,
        "Fail a job whose instance type is larger than this machine, instead of running it on what there is.",
    )
    describe_wait: float = setting(
        15.0,
        "Seconds for which the SageMaker SDK's first DescribeTrainingJob of a job waits for its end; 0: never.",
    )
    undo_days: float = setting(
        7.0, "Days for which an experiment that was deleted whole can be restored; 0: it is gone at once."
    )
    serverless_idle: float = setting(
        300.0,
        "Seconds without a request after which a serverless endpoint has no model server; the next request starts one.",
    )
    endpoint_idle: float = setting(
        3600.0,
        "The same for other endpoints, of which those that take longer than half a minute to start are left alone;"
        " 0: never.",
    )
    sandbox: Literal["auto", "always", "never"] = setting(
        "auto", "Jobs in a bubblewrap sandbox: `auto` where it works, `always`, `never`."
    )
    environments: str = setting(
        "", "Folder for the environments that stand for images, to share between homes; empty: `HOME/images`."
    )
    input_folders: list[str] = setting(
        [],
        "Folders of this machine that anybody's training job may read by file:// URIs in place of S3 ones, without a"
        " copy; empty: none.",
    )
    index_url: str = setting("", "Package index for environments; empty: uv's default.")
    find_links: list[str] = setting([], "Folders or URLs with further packages, looked at beside the index.")
    python_downloads: bool = setting(True, "Let uv download a Python that this machine lacks.")
    image_aliases: dict[str, Any] = setting(
        {},
        'Image patterns (shell-style, over the URI) to `{requirements = [...], python = "3.10"}` or'
        ' `{interpreter = "/path/to/python"}`; with `program = "/folder"` a server of its own on port 8080 (`serve`,'
        ' `network = "host"`: docs/howto/containers.md).',
    )

    @property
    def images(self) -> Path:
        return Path(self.environments).expanduser() if self.environments else self.home / "images"

    @property
    def database(self) -> Path:
        return self.home / "clary.db"

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


def load(home: Path | None = None, environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Read the settings of a home. Raises `SettingsError`."""
    environ = os.environ if environ is None else environ
    known = {f.name: f for f in fields(Settings)}
    values: dict[str, Any] = {}
    root = Path(home or environ.get("CLARY_HOME") or str(known["home"].default)).expanduser().absolute()
    config = root / "config.toml"
    if config.is_file():
        try:
            table = tomllib.loads(config.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(f"{config}: {error}") from error
        for name, value in table.items():
            if name not in known or name == "home":
                raise SettingsError(f"{config}: unknown setting {name!r}. Known: {', '.join(sorted(known))}.")
            values[name] = _convert(name, value, str(config))
    for name in known:
        variable = f"CLARY_{name.upper()}"
        if name != "home" and environ.get(variable):
            values[name] = _parse(name, environ[variable], variable)
    values.update({name: value for name, value in overrides.items() if value is not None})
    return Settings(**{**values, "home": root})


def _default(name: str) -> Any:
    return getattr(Settings(), name)


def _parse(name: str, text: str, source: str) -> Any:
    default = _default(name)
    if isinstance(default, bool):
        if text.lower() not in ("0", "1", "false", "true", "no", "yes"):
            raise SettingsError(f"{source}: expected true or false, got {text!r}.")
        return text.lower() in ("1", "true", "yes")
    if isinstance(default, list):
        return [part.strip() for part in text.split(",") if part.strip()]
    if isinstance(default, dict):
        try:
            return _convert(name, json.loads(text), source)
        except json.JSONDecodeError as error:
            raise SettingsError(f"{source}: expected JSON: {error}") from error
    try:
        return type(default)(text)
    except ValueError as error:
        raise SettingsError(f"{source}: expected {type(default).__name__}, got {text!r}.") from error


def _convert(name: str, value: Any, source: str) -> Any:
    default = _default(name)
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(default):
        raise SettingsError(
            f"{source}: {name} should be {type(default).__name__}, not {type(value).__name__} ({value!r})."
        )
    return value
