"""What an archive holds: the file that a framework can load, or words for that there is none."""

import glob
import os


class ModelMissing(Exception):
    """The model's folder holds nothing that can be loaded; the message says what would do."""


def find(folder: str, patterns: "tuple[str, ...]") -> str:
    """The first file that one of the patterns names. Raises `ModelMissing`."""
    for pattern in patterns:
        for path in sorted(glob.glob(os.path.join(folder, pattern))):
            if os.path.isfile(path):
                return path
    raise ModelMissing(
        "The model's archive holds %s, and nothing that can be loaded without a script: put a model.joblib into it, "
        "or write `model_fn(model_dir)` in code/inference.py." % contents(folder)
    )


def contents(folder: str) -> str:
    return ", ".join(sorted(os.listdir(folder))[:20]) or "nothing" if os.path.isdir(folder) else "nothing"
