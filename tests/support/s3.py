"""S3 for tests: a client of a running server, and what a refusal must look like."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.support.server import Running

MIB = 1 << 20


@dataclass(frozen=True)
class S3:
    server: Running
    client: Any

    def in_region(self, region: str) -> Any:
        return self.server.client("s3", region_name=region)

    def with_config(self, **options: Any) -> Any:
        return self.server.client("s3", config=Config(**options))

    def keys(self, bucket: str, **options: Any) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, **options)
        return [item["Key"] for page in pages for item in page.get("Contents", ())]


@contextmanager
def refused(code: str, status: int | None = None) -> Iterator[pytest.ExceptionInfo[ClientError]]:
    with pytest.raises(ClientError) as caught:
        yield caught
    response: Any = caught.value.response
    assert response["Error"]["Code"] == code
    if status is not None:
        assert response["ResponseMetadata"]["HTTPStatusCode"] == status
