"""Reads the tensors that jobs saved, with smdebug's API: `create_trial(path)` and what it gives.

    trial.py        `create_trial` and `Trial`: what may be asked of a job's steps, modes, workers and tensors
    contents.py     `Contents`: what has been read so far, and looking for more
    waiting.py      whether a step is there, and waiting until it is
    steps.py        `Steps`: which there are of which mode, and whether they are complete
    tensor.py       `Tensor`: one name's values, shapes and reductions
    indexes.py      the index files: what is where; whatever is broken there is reported and passed over
    sources.py      local folders and S3
    collections.py  `Collection`, as the job's collections file tells
    reductions.py   the numbers that stand for a tensor
    modes.py, exceptions.py
    format/         the files themselves (a link into the toolkit, whose hook writes them)

It needs NumPy, for S3 boto3, and nothing of Clary, so that it can be installed alone (`packages/smdebug-shim`).
Nothing waits but `wait_for_steps`.
"""

from .collections import Collection, CollectionKeys
from .modes import ModeKeys
from .tensor import Tensor
from .trial import Trial, create_trial

__all__ = ["Collection", "CollectionKeys", "ModeKeys", "Tensor", "Trial", "create_trial"]
