"""Data capture: calls and answers as JSON lines in S3, in AWS's format.

`keep` only notes; a task writes what has gathered every `SECONDS`, or when there is much of it, to
`DESTINATION/ENDPOINT/VARIANT/yyyy/mm/dd/hh/mm-ss-mmm-UUID.jsonl`. What cannot be written is dropped and logged:
capture never gets in a caller's way.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
import uuid
from base64 import b64encode
from datetime import UTC, datetime

from clary.api.routes import Invocation, Reply
from clary.storage.objects import ObjectStore
from clary.storage.ports import Document

log = logging.getLogger(__name__)

SECONDS = 2.0
RECORDS = 500
CONTENT_TYPE = "application/x-jsonlines"
JSON_TYPES = ("application/json", "application/jsonlines")
CSV_TYPES = ("text/csv",)


class DataCapture:
    def __init__(self, objects: ObjectStore, endpoint: str, config: Document) -> None:
        """`config`: the endpoint configuration's DataCaptureConfig."""
        self._objects, self._endpoint = objects, endpoint
        self._bucket, _, prefix = config["DestinationS3Uri"].removeprefix("s3://").partition("/")
        self._prefix = prefix.strip("/")
        self._share = config["InitialSamplingPercentage"] / 100
        modes = {each["CaptureMode"] for each in config["CaptureOptions"]}
        self._input, self._output = (
            "Input" in modes or "InputAndOutput" in modes,
            "Output" in modes or "InputAndOutput" in modes,
        )
        given = config.get("CaptureContentTypeHeader", {})
        self._csv = {*CSV_TYPES, *given.get("CsvContentTypes", ())}
        self._json = {*JSON_TYPES, *given.get("JsonContentTypes", ())}
        self._kept: dict[str, list[bytes]] = {}
        self._writing: asyncio.Task[None] | None = None

    def keep(self, variant: str, invocation: Invocation, reply: Reply, inference_id: str | None) -> None:
        if random.random() >= self._share or not isinstance(reply.body, bytes):
            return
        captured: Document = {}
        if self._input:
            kind = invocation.headers.get("Content-Type", "")
            captured["endpointInput"] = self._data(kind, "INPUT", invocation.body)
        if self._output:
            captured["endpointOutput"] = self._data(
                reply.headers.get("content-type", ""), "OUTPUT", reply.body
            )
        stamp = datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        meta = {"eventId": str(uuid.uuid4()), "inferenceTime": stamp}
        if inference_id:
            meta["inferenceId"] = inference_id
        record = {"captureData": captured, "eventMetadata": meta, "eventVersion": "0"}
        lines = self._kept.setdefault(variant, [])
        lines.append(json.dumps(record).encode())
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write(SECONDS if len(lines) < RECORDS else 0))

    async def close(self) -> None:
        """Write what is there."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        await self._flush()

    async def _write(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._flush()

    async def _flush(self) -> None:
        kept, self._kept = self._kept, {}
        for variant, lines in kept.items():
            now = datetime.fromtimestamp(time.time(), UTC)
            name = f"{now:%Y/%m/%d/%H/%M-%S}-{now.microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"
            key = "/".join(filter(None, [self._prefix, self._endpoint, variant, name]))
            try:
                await asyncio.to_thread(
                    self._objects.put_bytes,
                    self._bucket,
                    key,
                    b"\n".join(lines) + b"\n",
                    content_type=CONTENT_TYPE,
                )
            except Exception as error:
                log.warning("Captured data of %s was lost: %s", self._endpoint, error)

    def _data(self, content_type: str, mode: str, body: bytes) -> Document:
        kind = content_type.partition(";")[0].strip().lower()
        text: str | None = None
        if kind in self._csv or kind in self._json:
            try:
                text = body.decode()
            except UnicodeDecodeError:
                text = None
        if text is None:
            return {
                "observedContentType": content_type,
                "mode": mode,
                "data": b64encode(body).decode(),
                "encoding": "BASE64",
            }
        return {
            "observedContentType": content_type,
            "mode": mode,
            "data": text,
            "encoding": "CSV" if kind in self._csv else "JSON",
        }
