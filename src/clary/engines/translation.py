"""Paths without a sandbox: what a spec calls `/opt/ml` lies elsewhere, so every mention of it is rewritten.

A mount's target is recognised at the start of a word of an argument, of an environment value or of the
working folder: `/opt/ml/code`, `--dir=/opt/ml`, `/opt/ml/code:/usr/lib`, `{"a": "/opt/ml/model"}`; not in
`s3://b/opt/ml` or `/opt/mlflow`. What a program has written into its own text is beyond reach: it reads
`CLARY_ML_ROOT` or the `SM_*` family.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from clary.engines.ports import Mount


def translator(mounts: Iterable[Mount]) -> Callable[[str], str]:
    places = {mount.target.rstrip("/"): str(mount.source) for mount in mounts}
    places = {target: source for target, source in places.items() if target and target != source}
    if not places:
        return lambda text: text
    targets = "|".join(re.escape(target) for target in sorted(places, key=len, reverse=True))
    pattern = re.compile(rf"(?<![^\s:=,;\"'\[({{])({targets})(?=$|[/\s:,;\"'\])}}])")
    return lambda text: pattern.sub(lambda match: places[match[1]], text)
