"""Asynchronous invocations: the reconciler's machine for kind AsyncInvocation, with one effect, `infer`.

Input from S3, the answer to S3, or why there is none to the failure path; then the row goes. One that a killed
server was at is carried out again by the next. An endpoint works on as many at once as its configuration says
(MaxConcurrentInvocationsPerInstance), the others wait.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from clary.api.context import Ports
from clary.api.routes import Invocation, InvocationError, Overloaded, Reply
from clary.domain.machine import Step
from clary.orchestrator.endpoints.names import log_group
from clary.orchestrator.reconciler import Tell
from clary.storage.objects import NoSuchBucket, NoSuchKey
from clary.storage.ports import Document, Exists, LogLine, Missing, Resource, Transaction

log = logging.getLogger(__name__)

STREAM = "clary"
"""The log stream of Clary's own lines."""
AT_ONCE = 4
"""Invocations of an endpoint at once, unless its configuration says otherwise."""


AGAIN = 0.5
"""Seconds until an endpoint that has too much to do is asked again."""


class Unanswered(Exception):
    """There is no answer; the message goes to the failure path."""


class AsyncInvocations:
    status = "Status"

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._turns: dict[tuple[str, int], asyncio.Semaphore] = {}

    def step(self, resource: Resource, event: Any, now: float) -> Step:
        return Step({})

    def effects(self) -> Mapping[str, Callable[[Resource, Tell], Awaitable[None]]]:
        return {"infer": self.infer}

    def failed(self, error: Exception) -> None:
        """Logged by the reconciler; the row stays for whoever looks."""

    def recorded(self, tx: Transaction, before: Resource, after: Resource) -> None:
        """Nothing derives from it."""

    def committed(self, after: Resource) -> None:
        """Nobody waits for its row."""

    def resumed(self, resource: Resource, effect: str) -> None:
        """It takes no room of its own."""

    async def infer(self, row: Resource, tell: Tell) -> None:
        spec = row.spec
        async with await asyncio.to_thread(self._turn, spec["endpoint"]):
            try:
                reply = await self._ask(spec)
            except Unanswered as error:
                await asyncio.to_thread(self._failed, spec, str(error))
            else:
                await asyncio.to_thread(self._answered, spec, reply)
        await asyncio.to_thread(self._delete, row.arn)

    def _turn(self, arn: str) -> asyncio.Semaphore:
        with self._ports.store.read() as tx:
            endpoint = tx.resources.find(arn)
        count = AT_ONCE
        if endpoint is not None and (config := endpoint.state.get("AsyncInferenceConfig")):
            instances = sum(each["CurrentInstanceCount"] for each in endpoint.state["ProductionVariants"])
            given = config.get("ClientConfig", {}).get("MaxConcurrentInvocationsPerInstance", AT_ONCE)
            count = max(1, instances) * given
        return self._turns.setdefault((arn, count), asyncio.Semaphore(count))

    def _input(self, spec: Document) -> bytes:
        if "body" in spec:
            return b64decode(spec["body"])
        try:
            return self._ports.objects.read_bytes(spec["bucket"], spec["key"])
        except (NoSuchBucket, NoSuchKey) as error:
            raise Unanswered(str(error)) from None

    async def _ask(self, spec: Document) -> Reply:
        body = await asyncio.to_thread(self._input, spec)
        invocation = Invocation(body, spec["headers"], timeout=spec["timeout"])
        while time.time() < spec["expires"]:
            route = self._ports.routes.find(spec["endpoint"])
            if route is None:
                raise Unanswered("The endpoint was deleted before it answered.")
            variant, began = route.choose(), time.time()
            meter = variant.meter
            try:
                reply = await variant.backend.invoke(invocation)
            except Overloaded:
                await asyncio.sleep(AGAIN)
                continue
            except InvocationError as error:
                if meter is not None:
                    meter.failed(None)
                raise Unanswered(str(error)) from None
            if 200 <= reply.status < 300:
                if meter is not None:
                    meter.answered(reply.seconds, time.time() - began)
                return reply
            if meter is not None:
                meter.failed(reply.status)
            assert isinstance(reply.body, bytes)
            whose = "client" if reply.status < 500 else "server"
            text = reply.body.decode("utf-8", "replace")
            raise Unanswered(f'Received {whose} error ({reply.status}) from model with message "{text}".')
        raise Unanswered("The request expired before the endpoint came to it (RequestTTLSeconds).")

    def _answered(self, spec: Document, reply: Reply) -> None:
        assert isinstance(reply.body, bytes)
        self._put(spec["output"], reply.body, reply.headers.get("content-type"))
        self._note(spec, "SuccessTopic", {"invocationStatus": "Completed", "outputLocation": spec["output"]})

    def _failed(self, spec: Document, reason: str) -> None:
        if spec["failure"] is not None:
            self._put(spec["failure"], reason.encode(), "text/plain")
        else:
            self._say(
                spec, f"The invocation {spec['inference']} failed, and there is no S3FailurePath: {reason}"
            )
        self._note(spec, "ErrorTopic", {"invocationStatus": "Failed", "failureReason": reason})

    def _put(self, uri: str, body: bytes, content_type: str | None) -> None:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        try:
            self._ports.objects.put_bytes(bucket, key, body, content_type=content_type)
        except NoSuchBucket:
            log.warning("The answer for %s is lost: its bucket is gone", uri)

    def _note(self, spec: Document, topic: str, message: Document) -> None:
        """There is no SNS here: what AWS would send is written to the server's log."""
        wanted = (spec["notify"] or {}).get(topic)
        if wanted:
            log.info("For %s: %s", wanted, json.dumps({**message, "inferenceId": spec["inference"]}))

    def _say(self, spec: Document, text: str) -> None:
        """A line in the endpoint's log."""
        with self._ports.store.read() as tx:
            endpoint = tx.resources.find(spec["endpoint"])
        if endpoint is None:
            return
        group, now = log_group(endpoint), time.time()
        with suppress(Exists), self._ports.store.begin() as tx:
            tx.logs.create_stream(group, STREAM, now)
        with suppress(Missing), self._ports.store.begin() as tx:
            tx.logs.append(group, STREAM, [LogLine(now, now, f"[clary] {text}")])

    def _delete(self, arn: str) -> None:
        with self._ports.store.begin() as tx:
            tx.resources.delete(arn)
