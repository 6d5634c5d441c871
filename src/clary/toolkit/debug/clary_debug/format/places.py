"""Where the files of a trial lie in its folder, and how a file gets there whole.

collections/000000000/<worker>_collections.json
events/<step:012d>/<step:012d>_<worker>.tfevents
index/<step // 1000:09d>/<step:012d>_<worker>.json
training_job_end.ts
"""

import os
import re

COLLECTIONS = "collections/000000000"
END = "training_job_end.ts"
INDEXES_A_FOLDER = 1000
WORKER = "worker_0"

_INDEX = re.compile(r"(?:^|.*/)index/(\d{9})/(\d{12})_([^/]+)\.json$")
_COLLECTION = re.compile(r"(?:^|.*/)collections/\d+/([^/]+)_collections\.json$")


def collections(worker: str) -> str:
    return "%s/%s_collections.json" % (COLLECTIONS, serialized(worker))


def events(step: int, worker: str) -> str:
    return "events/%012d/%012d_%s.tfevents" % (step, step, serialized(worker))


def index_folder(step: int) -> str:
    return "index/%09d" % (step // INDEXES_A_FOLDER)


def index(step: int, worker: str) -> str:
    return "%s/%012d_%s.json" % (index_folder(step), step, serialized(worker))


def of_index(path: str) -> "tuple[int, str] | None":
    """Step and worker of an index file; None for another file."""
    found = _INDEX.match(path)
    if not found or int(found.group(2)) // INDEXES_A_FOLDER != int(found.group(1)):
        return None
    return int(found.group(2)), deserialized(found.group(3))


def of_collections(path: str) -> "str | None":
    """The worker of a collections file; None for another file."""
    found = _COLLECTION.match(path)
    return deserialized(found.group(1)) if found else None


def serialized(worker: str) -> str:
    """TensorFlow names workers by device, `/replica:0/task:0/device:GPU:0`, which no file name may be."""
    return worker.replace("/", "_").replace(":", "-") if worker.startswith("/") else worker


def deserialized(name: str) -> str:
    return name.replace("_", "/").replace("-", ":") if name.startswith("_") else name


def put(path: str, data: bytes) -> None:
    """Whole or not at all, for whoever looks meanwhile; smdebug's name for what is not whole yet."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0)
    try:
        file = os.open(path + ".tmp", flags, 0o666)
    except FileNotFoundError:
        _make(os.path.dirname(path))
        file = os.open(path + ".tmp", flags, 0o666)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest) :]
    finally:
        os.close(file)
    os.replace(path + ".tmp", path)


def _make(folder: str) -> None:
    try:
        os.mkdir(folder)
    except FileExistsError:
        pass
    except FileNotFoundError:
        os.makedirs(folder, exist_ok=True)
