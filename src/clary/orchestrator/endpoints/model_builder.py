"""Libraries that ModelBuilder packs beside a model, `shared_libs/` in its archive.

Its inference.py copies them to /lib, which is the machine's own here and read-only. So they are put where the dynamic
linker is told to look, and the script, which finds no `shared_libs`, has nothing to copy.
"""

from __future__ import annotations

import shutil
from pathlib import Path

NAME = "shared_libs"
_MADE_BY_MODEL_BUILDER = Path("code", "serve.pkl")


def put_aside(model: Path, ml: Path) -> None:
    """Out of the unpacked model's folder, beside it. Does nothing for other archives."""
    if (model / _MADE_BY_MODEL_BUILDER).is_file() and (model / NAME).is_dir():
        shutil.rmtree(ml / NAME, ignore_errors=True)  # of an unpacking that was cut short
        (model / NAME).rename(ml / NAME)


def variables(ml: Path, seen: str) -> dict[str, str]:
    """`seen`: where the program sees `ml`."""
    return {"LD_LIBRARY_PATH": f"{seen}/{NAME}"} if (ml / NAME).is_dir() else {}
