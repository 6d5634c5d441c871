"""Which frameworks a job's source imports: what an interpreter can have imported before the next job like it.

Only libraries whose import changes nothing that a program that does without them would notice; with the submodules
that the source names, as `from sklearn.ensemble import X` loads more than `import sklearn`.
"""

from __future__ import annotations

import ast
import gzip
import tarfile
import warnings
import zlib
from collections.abc import Iterator

from clary.orchestrator.channels import source_archive
from clary.orchestrator.sources import exists
from clary.storage.objects import ObjectStore
from clary.storage.ports import Resource

FRAMEWORKS = frozenset({
    "numpy", "scipy", "pandas", "pyarrow", "joblib", "sklearn", "xgboost", "lightgbm", "torch", "torchvision",
    "tensorflow", "keras", "tf_keras", "transformers", "tokenizers", "datasets",
})  # fmt: skip
LARGEST = 1 << 20
"""Bytes of a source file that is read for its imports."""


def frameworks(job: Resource, objects: ObjectStore) -> list[str]:
    """Modules to import, by name; what is no module among them fails to import, and that is all."""
    source = source_archive(job)
    if source is None or not exists(objects, *source):
        return []
    found: set[str] = set()
    try:
        with objects.open(*source) as packed, tarfile.open(fileobj=packed, mode="r|gz") as tar:
            for member in tar:
                if member.isfile() and member.name.endswith(".py") and member.size <= LARGEST:
                    file = tar.extractfile(member)
                    found.update(imports(file.read()) if file else ())
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile):
        return []
    return sorted(name for name in found if name.partition(".")[0] in FRAMEWORKS)


def imports(source: bytes) -> Iterator[str]:
    """Absolute imports anywhere in a Python file, `from a import b` as `a` and `a.b`; none of what cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if alias.name != "*")
