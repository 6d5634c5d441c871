"""Models that the SDKs' ModelBuilder packed: its own `code/inference.py`, the model or the InferenceSpec in
`code/serve.pkl`, libraries in `shared_libs/`.

shared libraries  the script copies them to /lib, which is the machine's own here and read-only. So they are put where
                  the dynamic linker is told to look, and the script, which finds none, has nothing to copy.
sagemaker.serve   the script imports it. v3's requirements.txt leaves it out: it is counted on to be in the image, so an
                  environment that stands for an image gets it. v2's asks for `sagemaker[huggingface]>=2.199`, which
                  was written before there was a v3, whose modules answer differently: v2 stays v2. Of what the extra
                  brings, accelerate with all of PyTorch, the script needs nothing: only images with PyTorch get it.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

LIBRARIES = "shared_libs"
_PACKED = Path("code", "serve.pkl")
_SDK = re.compile(r"(?m)^\s*sagemaker(-serve)?\s*($|[\[<>=!~;@ ])")
"""A requirement that brings sagemaker.serve."""
_V2 = "sagemaker[huggingface]>=2.199"
"""In every archive of v2's."""


def put_libraries_aside(model: Path, ml: Path) -> None:
    """Out of the unpacked model's folder, beside it. Does nothing for other archives."""
    if (model / _PACKED).is_file() and (model / LIBRARIES).is_dir():
        shutil.rmtree(ml / LIBRARIES, ignore_errors=True)  # of an unpacking that was cut short
        (model / LIBRARIES).rename(ml / LIBRARIES)


def variables(ml: Path, seen: str) -> dict[str, str]:
    """`seen`: where the program sees `ml`."""
    return {"LD_LIBRARY_PATH": f"{seen}/{LIBRARIES}"} if (ml / LIBRARIES).is_dir() else {}


def requirements(model: Path, text: str, *, given: bool, torch: bool) -> str:
    """`text`, a requirements.txt, with what the archive's script needs. `given`: for an interpreter of the user's,
    whose packages are the user's affair. `torch`: for one that has PyTorch."""
    if not (model / _PACKED).is_file():
        return text
    if _V2 in text:
        return text.replace(_V2, f"sagemaker{'[huggingface]' if torch else ''}>=2.199,<3")
    if given or _SDK.search(text):
        return text
    return f"{text.rstrip()}\nsagemaker-serve\ncloudpickle\n"
