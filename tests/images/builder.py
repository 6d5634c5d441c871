"""Builds `acme/acme:1` in a process of its own: `builder.py ROOT INDEX_URL PYTHON`; tells progress on stdout."""

from __future__ import annotations

import sys
from pathlib import Path

from clary.images.environments import Environments
from clary.settings import Settings


def main(root: str, index: str, python: str) -> None:
    table = {"*/acme:1": {"requirements": ["tiny==1.0"], "python": python}}
    settings = Settings(image_aliases=table, index_url=index, python_downloads=False)
    environments = Environments(Path(root), settings)
    environments.build(environments.resolve("acme/acme:1"), lambda line: print(line, flush=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
