"""Instance types against AWS's own tables."""

from __future__ import annotations

import pytest

from clary.domain.instances import Capacity, capacity


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ml.m5.large", Capacity(2, 8)),
        ("ml.m5.24xlarge", Capacity(96, 384)),
        ("ml.c5.xlarge", Capacity(4, 8)),
        ("ml.c4.2xlarge", Capacity(8, 15)),
        ("ml.r5.4xlarge", Capacity(16, 128)),
        ("ml.t3.medium", Capacity(2, 4)),
        ("ml.t3.xlarge", Capacity(4, 16)),
        ("ml.p3.2xlarge", Capacity(8, 61, 1)),
        ("ml.p3.8xlarge", Capacity(32, 244, 4)),
        ("ml.g4dn.xlarge", Capacity(4, 16, 1)),
        ("ml.g5.12xlarge", Capacity(48, 192, 4)),
    ],
)
def test_known_types(name: str, expected: Capacity) -> None:
    assert capacity(name) == expected


@pytest.mark.parametrize("name", ["local", "local_gpu", "ml.zz9.large", "ml.m5.enormous", ""])
def test_names_that_say_nothing(name: str) -> None:
    assert capacity(name) is None
