"""The reconciler's machine for kind ScalableTarget: one effect, `scale`, for as long as a target is registered.

Every few seconds it looks at what the policies want (`autoscaling_wishes.py`) and, where that is another number of
instances, asks the endpoint for it as UpdateEndpointWeightsAndCapacities does, in one transaction with the activity
that says why. The activity ends when the endpoint has it. Cooldowns are counted from there, and kept.

    an endpoint or a variant that goes takes its target with it
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from uuid import uuid4

from msgspec.structs import replace

from clary.api.context import Ports
from clary.domain import autoscaling as rules
from clary.domain import endpoint as endpoint_rules
from clary.domain.machine import Step
from clary.domain.search import Compare, Operator
from clary.orchestrator.autoscaling_wishes import Scene, Wishes, policies
from clary.orchestrator.reconciler import Tell
from clary.storage.ports import Conflict, Query, Resource, Transaction

log = logging.getLogger(__name__)

PAUSE = 2.0
"""Seconds between two looks."""
KEPT = 42 * 86400.0
"""Seconds for which activities are kept, as on AWS."""


class ScalableTargets:
    status = "Status"

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def step(self, target: Resource, event: object, now: float) -> Step:
        return Step({})

    def effects(self) -> Mapping[str, Callable[[Resource, Tell], Awaitable[None]]]:
        return {"scale": self.scale}

    def failed(self, error: Exception) -> None:
        """Logged by the reconciler."""

    def recorded(self, tx: Transaction, before: Resource, after: Resource) -> None:
        """Nothing derives from it."""

    def committed(self, after: Resource) -> None:
        """Nobody waits for it."""

    def resumed(self, resource: Resource, effect: str) -> None:
        """It takes no room."""

    async def scale(self, target: Resource, tell: Tell) -> None:
        scaler = Scaler(self._ports, target)
        with self._ports.changes.watch(str(target.parent)) as watch:
            while True:
                try:
                    if not await asyncio.to_thread(scaler.look):
                        return
                except Conflict:
                    continue  # the endpoint changed meanwhile: look again
                except Exception:
                    log.exception("%s could not be scaled", target.name)
                    await asyncio.sleep(PAUSE)
                await watch.wait(PAUSE)


class Scaler:
    """One target's looks. Blocking."""

    def __init__(self, ports: Ports, target: Resource) -> None:
        self._ports, self._arn, self._created = ports, target.arn, target.created
        self._variant = target.spec["ResourceId"].split("/")[3]
        self._wishes = Wishes()

    def look(self) -> bool:
        """Do what there is to do; False once the target is not registered any more. Raises `Conflict`."""
        now = time.time()
        with self._ports.store.read() as tx:
            target = tx.resources.find(self._arn)
            if target is None or target.created != self._created:
                return False
            scene = self._scene(tx, target)
            wish = self._wishes.of(tx, scene, now) if scene is not None and self._at_rest(scene) else None
        if scene is None:
            self._deregister()
            return False
        if target.state["Clary"]["activity"] is not None:
            if scene.endpoint.status in ("InService", "Failed"):
                self._finish(scene, now)
        elif wish is not None:
            self._begin(scene, wish, now)
        return True

    def _at_rest(self, scene: Scene) -> bool:
        return scene.endpoint.status == "InService" and scene.target.state["Clary"]["activity"] is None

    def _scene(self, tx: Transaction, target: Resource) -> Scene | None:
        """None where what it scales is gone."""
        endpoint = tx.resources.find(str(target.parent))
        if (
            endpoint is None
            or endpoint.target == "Deleted"
            or endpoint.created != target.state["Clary"]["endpoint"]
        ):
            return None
        shown = endpoint.state["ProductionVariants"]
        variant = next((each for each in shown if each["VariantName"] == self._variant), None)
        if variant is None:
            return None
        return Scene(target, endpoint, variant, tuple(policies(tx, target)))

    def _begin(self, scene: Scene, wish: rules.Wish, now: float) -> None:
        changes = endpoint_rules.adjusting(
            scene.endpoint, {self._variant: {"DesiredInstanceCount": wish.desired}}, now
        )
        target, number = scene.target, str(uuid4())
        arn = f"arn:aws:application-autoscaling:{target.region}:{target.account}:scaling-activity/{number}"
        spec = {
            "ActivityId": number,
            **{member: target.spec[member] for member in ("ServiceNamespace", "ResourceId", "ScalableDimension")},
            "Description": f"Setting desired instance count to {wish.desired}.",
            "Cause": wish.why,
            "StartTime": now,
        }  # fmt: skip
        state = {
            "StatusCode": "InProgress",
            "StatusMessage": f"Successfully set desired instance count to {wish.desired}. Waiting for change to be "
            "fulfilled by sagemaker.",
            "Clary": {"by": wish.desired - scene.current, "desired": wish.desired},
        }
        activity = Resource(
            arn=arn, account=target.account, region=target.region, kind="ScalingActivity", name=number, created=now,
            modified=now, spec=spec, state=state, status="InProgress",
        )  # fmt: skip
        with self._ports.store.begin() as tx:
            asked = {**scene.endpoint.state, **changes}
            tx.resources.update(
                replace(scene.endpoint, state=asked, status=asked["EndpointStatus"], modified=now)
            )
            tx.resources.insert(activity)
            self._keep(tx, target, now, activity=arn)
            _forget(tx, target, now - KEPT)
        self._ports.changes.publish(scene.endpoint.arn)

    def _finish(self, scene: Scene, now: float) -> None:
        target = scene.target
        clary = target.state["Clary"]
        with self._ports.store.begin() as tx:
            activity = tx.resources.find(clary["activity"])
            scaled = dict(clary["scaled"])
            if activity is not None:
                wanted, by = activity.state["Clary"]["desired"], activity.state["Clary"]["by"]
                fulfilled = scene.current == wanted
                code = "Successful" if fulfilled else "Overridden"
                said = "Change successfully fulfilled" if fulfilled else "Change was overridden"
                state = {
                    **activity.state,
                    "EndTime": now,
                    "StatusCode": code,
                    "StatusMessage": f"Successfully set desired instance count to {wanted}. {said} by sagemaker.",
                }
                tx.resources.update(replace(activity, state=state, status=state["StatusCode"], modified=now))
                scaled.update({"out": now, "by": by} if by > 0 else {"into": now})
            self._keep(tx, target, now, activity=None, scaled=scaled)

    def _keep(self, tx: Transaction, target: Resource, now: float, **changes: object) -> None:
        state = {**target.state, "Clary": {**target.state["Clary"], **changes}}
        tx.resources.update(replace(target, state=state, modified=now))

    def _deregister(self) -> None:
        with self._ports.store.begin() as tx:
            target = tx.resources.find(self._arn)
            if target is None or target.created != self._created:
                return
            for policy in policies(tx, target):
                tx.resources.delete(policy.arn)
            tx.resources.delete(target.arn)


def _forget(tx: Transaction, target: Resource, before: float) -> None:
    """Activities older than AWS keeps them, of any target."""
    old = Compare("CreationTime", Operator.LESS_THAN, before)
    query = Query(target.account, target.region, ("ScalingActivity",), old, limit=1000)
    for activity in tx.resources.list(query).items:
        tx.resources.delete(activity.arn)
