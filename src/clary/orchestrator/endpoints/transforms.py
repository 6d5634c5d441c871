"""Batch transform: the reconciler's machine for kind TransformJob, with one effect, `work`.

The model is served as an endpoint's is; each input file is read record by record, its payloads are answered
MaxConcurrentTransforms at a time, and what comes back is written in order, so memory stays flat. A file that
fails leaves no output and fails the job at its end; the others are kept. A restarted server takes on the model
server that runs and does its files again.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import BinaryIO, cast

from msgspec.structs import replace

from clary.api.routes import Backend, Invocation, InvocationError, Reply
from clary.domain import transform as rules
from clary.domain.instances import capacity
from clary.domain.transform_records import BadRecord, Joiner, Payload, payloads, records
from clary.orchestrator.endpoints.fleet import Fleet, FleetError, House
from clary.orchestrator.jobs import Derive
from clary.orchestrator.reconciler import Tell
from clary.orchestrator.slots import Room
from clary.orchestrator.sources import DownloadError, Item, items
from clary.storage.blobs import BlobWriter
from clary.storage.objects import described
from clary.storage.ports import Document, Resource, Transaction

log = logging.getLogger(__name__)

MIB = 1 << 20
TIMEOUT = 600.0
RETRIES = 3


class FileFailed(Exception):
    """One input file could not be transformed; the message says why."""


class TransformJobs:
    status = "TransformJobStatus"
    step = staticmethod(rules.step)

    def __init__(self, house: House, derive: Derive) -> None:
        self._house, self._derive = house, derive

    def effects(self) -> Mapping[str, Callable[[Resource, Tell], Awaitable[rules.Event | None]]]:
        return {"work": self.work, "wake": self.wake}

    def failed(self, error: Exception) -> rules.Ended:
        return rules.Ended("Failed", f"InternalServerError: {type(error).__name__}: {error}")

    def recorded(self, tx: Transaction, before: Resource, after: Resource) -> None:
        self._derive(tx, after, after.modified)

    def committed(self, after: Resource) -> None:
        self._house.ports.changes.publish(after.arn)

    def resumed(self, resource: Resource, effect: str) -> None:
        if resource.state["Clary"]["fleet"]["runs"]:
            self._house.workplace.slots.hold(resource.arn, _room(resource))

    async def wake(self, job: Resource, tell: Tell) -> rules.Woken:
        return rules.Woken()

    async def work(self, job: Resource, tell: Tell) -> rules.Ended:
        slots = self._house.workplace.slots
        await slots.acquire(job.arn, _room(job))
        try:
            await tell(rules.Started())
            work = Work(self._house, job, tell)
            try:
                doing = asyncio.create_task(work.run())
                stopping = asyncio.create_task(self._stop_asked(job))
                await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if not doing.done():
                    doing.cancel()
                    await asyncio.gather(doing, return_exceptions=True)
                    ended = rules.Ended("Stopped")
                else:
                    stopping.cancel()
                    ended = doing.result()
            except asyncio.CancelledError:
                doing.cancel()
                stopping.cancel()
                work.fleet.leave()
                raise
            await work.fleet.stop()
            return ended
        finally:
            slots.release(job.arn)

    async def _stop_asked(self, job: Resource) -> None:
        with self._house.ports.changes.watch(job.arn) as watch:
            while True:
                row = await asyncio.to_thread(self._find, job.arn)
                if row is None or row.target == "Stopped":
                    return
                await watch.wait(60.0)

    def _find(self, arn: str) -> Resource | None:
        with self._house.ports.store.read() as tx:
            return tx.resources.find(arn)


class Work:
    """One job's files through its model."""

    def __init__(self, house: House, job: Resource, tell: Tell) -> None:
        self.job, self._objects = job, house.ports.objects
        spec = job.spec
        self._instances = at_once(job, house.workplace.slots.total)
        self.fleet = Fleet(house, job, "1", with_count(job.state["Clary"]["fleet"], self._instances), tell)
        given, wanted = spec["TransformInput"], spec["TransformOutput"]
        self._kind, self._accept = given.get("ContentType", ""), wanted.get("Accept", "")
        self._split, self._gzip = given.get("SplitType", "None"), given.get("CompressionType") == "Gzip"
        self._newline = b"\n" if wanted.get("AssembleWith") == "Line" else b""
        self._joiner = Joiner(spec.get("DataProcessing", {}), self._kind, self._accept)
        self._concurrent = max(1, spec.get("MaxConcurrentTransforms", 1))
        self._limit = spec.get("MaxPayloadInMB", 6) * MIB
        client = spec.get("ModelClientConfig", {})
        self._timeout = float(client.get("InvocationsTimeoutInSeconds", TIMEOUT))
        self._retries = int(client.get("InvocationsMaxRetries", RETRIES))

    async def run(self) -> rules.Ended:
        try:
            files = await asyncio.to_thread(self._files)
            await self.fleet.start(steady=False)
        except (FleetError, DownloadError) as error:
            return rules.Ended("Failed", str(error))
        backend = self.fleet.route().variants[0].backend
        failures: list[str] = []
        left = iter(files)

        async def instance() -> None:
            for item in left:  # shared: each file goes to the instance that comes to it first
                try:
                    await self._transform(backend, item)
                    self.fleet.say(f"{item.name} is done (of {len(files)}).")
                except FileFailed as error:
                    failures.append(f"{item.name}: {error}")
                    self.fleet.say(f"{item.name} failed: {error}")

        async with asyncio.TaskGroup() as group:
            for _ in range(self._instances):
                group.create_task(instance())
        if failures:
            more = f" (and {len(failures) - 1} more of {len(files)} files)" if len(failures) > 1 else ""
            return rules.Ended(
                "Failed", f"ClientError: See job logs for more information. {failures[0]}{more}"
            )
        return rules.Ended("Completed")

    def _files(self) -> list[Item]:
        """Raises `DownloadError` where there are none."""
        source = self.job.spec["TransformInput"]["DataSource"]["S3DataSource"]
        role = self.job.state["Clary"]["fleet"]["variants"][0]["role"]
        job = replace(self.job, spec={"RoleArn": role})
        return items(job, source["S3Uri"], source["S3DataType"], self._objects)

    async def _transform(self, backend: Backend, item: Item) -> None:
        out_bucket, _, prefix = (
            self.job.spec["TransformOutput"]["S3OutputPath"].removeprefix("s3://").partition("/")
        )
        target = "/".join(filter(None, [prefix.strip("/"), f"{item.name}.out"]))
        file = await asyncio.to_thread(self._objects.open, item.bucket, item.key)
        opened = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if self._gzip else file
        writer = await asyncio.to_thread(self._objects.blobs.create)
        waiting: deque[tuple[Payload, asyncio.Task[Reply]]] = deque()
        try:
            given = payloads(
                records(opened, self._split), self._split, self.job.spec.get("BatchStrategy", "MultiRecord"),
                self._limit, self._joiner,
            )  # fmt: skip
            first = True
            while True:
                payload = await asyncio.to_thread(_next, given)
                if payload is not None:
                    waiting.append((payload, asyncio.create_task(self._ask(backend, payload.body))))
                while waiting and (payload is None or len(waiting) >= self._concurrent):
                    asked, answering = waiting.popleft()
                    await asyncio.to_thread(self._write, writer, asked, await answering, first)
                    first = False
                if payload is None:
                    break
            written = await asyncio.to_thread(writer.finish)
            await asyncio.to_thread(
                self._objects.keep, out_bucket, target, written, described(self._accept or None)
            )
        except (BadRecord, OSError, EOFError) as error:
            raise FileFailed(str(error)) from error
        finally:
            for _, task in waiting:
                task.cancel()
            await asyncio.gather(*(task for _, task in waiting), return_exceptions=True)
            await asyncio.to_thread(writer.discard)
            opened.close()
            file.close()

    def _write(self, writer: BlobWriter, asked: Payload, reply: Reply, first: bool) -> None:
        assert isinstance(reply.body, bytes)
        data = self._joiner.after(asked.originals, reply.body)
        if self._newline and not data.endswith(b"\n"):
            data += self._newline
        elif self._joiner.after_needed and not first and not self._newline:
            data = b"\n" + data
        if data:
            writer.write(data)

    async def _ask(self, backend: Backend, body: bytes) -> Reply:
        """Raises `FileFailed` once the retries are used up."""
        headers = {"Content-Type": self._kind} if self._kind else {}
        if self._accept:
            headers["Accept"] = self._accept
        said = ""
        for _ in range(self._retries + 1):
            try:
                reply = await backend.invoke(Invocation(body, headers, timeout=self._timeout))
            except InvocationError as error:
                said = str(error)
                continue
            if 200 <= reply.status < 300:
                return reply
            assert isinstance(reply.body, bytes)
            said = f"the model answered {reply.status}: {reply.body[:300].decode('utf-8', 'replace')}"
            if reply.status < 500:
                break
        raise FileFailed(said)


def _next(given: Iterator[Payload]) -> Payload | None:
    return next(given, None)


def _room(job: Resource) -> Room:
    """Of all its instances; what this machine does not have is clipped by the slots."""
    count, one = job.spec["TransformResources"]["InstanceCount"], _one(job)
    return Room(one.cpus * count, one.memory_gib * count, one.gpus * count)


def _one(job: Resource) -> Room:
    offered = capacity(job.spec["TransformResources"]["InstanceType"])
    return Room(offered.cpus, offered.memory_gib, offered.gpus) if offered else Room(2, 4.0)


def at_once(job: Resource, total: Room) -> int:
    """Instances that run: those asked for, at most one a CPU of this machine."""
    return max(1, min(int(job.spec["TransformResources"]["InstanceCount"]), total.cpus))


def with_count(fleet: Document, count: int) -> Document:
    return {**fleet, "variants": [{**each, "count": count} for each in fleet["variants"]]}
