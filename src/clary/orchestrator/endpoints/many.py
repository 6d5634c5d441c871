"""Endpoints of many models: their archives fetched when they are first asked for."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Mapping

from clary.api.routes import Unreadable
from clary.orchestrator.endpoints.container import Place
from clary.orchestrator.endpoints.flights import Flights
from clary.orchestrator.endpoints.model_data import ModelError, unpack
from clary.storage.blobs import NoSuchBlob
from clary.storage.objects import NoSuchBucket, ObjectStore
from clary.storage.ports import Document

UNPACKED = "model"
"""The folder with what was in a model's archive, in the folder of the model's name: as AWS has it."""


class ManyModels:
    """The `Models` of a variant whose models come as they are asked for, and go when others need their room."""

    def __init__(self, container: Mapping[str, Document], place: Place, objects: ObjectStore) -> None:
        self._prefix = str(container["ModelDataUrl"])
        self._place, self._objects = place, objects
        self._known: dict[str, tuple[str, str]] = {}

    def locate(self, target: str) -> str:
        """Blocking. A model that was replaced in S3 is fetched anew, under another name. Raises `LookupError`,
        `Unreadable`."""
        bucket, _, base = self._prefix.removeprefix("s3://").partition("/")
        key = f"{base.rstrip('/')}/{target.lstrip('/')}".lstrip("/")
        try:
            record = self._objects.find(bucket, key)
        except NoSuchBucket:
            record = None
        if record is None:
            raise LookupError(
                f"Failed to download model data(bucket: {bucket}, key: {key}). Please ensure that there is an object "
                "located at the URL and that the role passed to CreateModel has permissions to download the model."
            )
        name = hashlib.sha256(f"{key}\0{record.etag}\0{record.modified}".encode()).hexdigest()[:24]
        folder = self._place.models / name
        if not folder.is_dir():
            scratch = self._place.models / f".{name}"
            shutil.rmtree(scratch, ignore_errors=True)
            (scratch / UNPACKED).mkdir(parents=True)
            try:
                unpack(self._objects, bucket, key, scratch / UNPACKED)
            except ModelError as error:
                raise LookupError(str(error)) from error
            except (OSError, NoSuchBlob) as error:
                raise Unreadable(f"The model {target} cannot be read: {error}.") from error
            scratch.rename(folder)
        return name


class Fetching:
    """`ManyModels` for the loop: a thread for each look-up, one look-up of a model at a time."""

    def __init__(self, models: ManyModels, timeout: float) -> None:
        """`timeout`: seconds for which a caller waits. A look-up that takes longer goes on for the next one."""
        self._models, self._timeout = models, timeout
        self._looking: Flights[str] = Flights()

    async def locate(self, target: str) -> str:
        words = f"The model {target} is still being downloaded: wait, and try your request again."
        return await self._looking.join(
            target, lambda: asyncio.to_thread(self._models.locate, target), self._timeout, words
        )
