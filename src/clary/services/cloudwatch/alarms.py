"""Metric alarms: PutMetricAlarm, DescribeAlarms, DeleteAlarms, SetAlarmState and what goes with them.

An alarm is a row that `orchestrator.alarms` watches. Its actions are scaling policies of Application Auto Scaling
and what an endpoint's deployment makes of it (AutoRollbackConfiguration); there is no SNS here, so a topic is kept
and nobody is told. Without metric math, anomaly bands, composite and log alarms.
"""

from __future__ import annotations

from msgspec.structs import replace

from clary.api import Context, Document, ServiceError, operation
from clary.api.pages import pages
from clary.api.tags import given_tags
from clary.domain import alarms as rules
from clary.domain.datapoints import statistic, valid_period
from clary.domain.search import Both, Compare, Expression, Operator
from clary.services.cloudwatch.find import invalid
from clary.storage.ports import BadCursor, Effect, Query, Resource, Transaction

KIND = "MetricAlarm"
WATCH = "watch"
"""The effect that lives as long as an alarm; `orchestrator.alarms` runs it."""
PAGE = 100
LONGEST = 7 * 86400
"""Seconds that an alarm's periods may last together, as on AWS."""
NOT_DONE = ("Metrics", "ThresholdMetricId", "EvaluationCriteria", "WarmUpConfiguration")


@operation("cloudwatch", "PutMetricAlarm")
def put_metric_alarm(ctx: Context, request: Document) -> None:
    check(request)
    name = request["AlarmName"]
    spec = {member: value for member, value in request.items() if member != "Tags"}
    spec.setdefault("ActionsEnabled", True)
    tags = given_tags(request.get("Tags", ()))
    with ctx.begin() as tx:
        known = tx.resources.find(arn(ctx, name))
        if known is None:
            history = rules.item("ConfigurationUpdate", f'Alarm "{name}" created', spec, ctx.now)
            state = {
                "AlarmArn": arn(ctx, name),
                "StateValue": rules.INSUFFICIENT,
                "StateReason": rules.CREATED,
                "StateUpdatedTimestamp": ctx.now,
                "StateTransitionedTimestamp": ctx.now,
                "AlarmConfigurationUpdatedTimestamp": ctx.now,
                "Clary": {"hold": 0.0, "history": [history]},
            }
            alarm = tx.resources.insert(
                Resource(
                    arn=arn(ctx, name), account=ctx.account, region=ctx.region, kind=KIND, name=name,
                    created=ctx.now, modified=ctx.now, spec=spec, state=state, status=rules.INSUFFICIENT,
                )
            )  # fmt: skip
            tx.outbox.put(Effect(alarm.arn, alarm.generation, WATCH, due=ctx.now))
            if tags:
                tx.tags.put(alarm.arn, tags)
        else:
            history = rules.item("ConfigurationUpdate", f'Alarm "{name}" updated', spec, ctx.now)
            _update(tx, known, ctx.now, spec, history, {"AlarmConfigurationUpdatedTimestamp": ctx.now})
    ctx.ports.changes.publish(arn(ctx, name))


def check(request: Document) -> None:
    for member in NOT_DONE:
        if member in request:
            raise _wrong(f"Clary's alarms watch one metric: leave out {member}.")
    if not {"Namespace", "MetricName", "Period", "Threshold"} <= request.keys():
        raise _wrong("Namespace, MetricName, Period and Threshold are required for an alarm on a metric.")
    if ("Statistic" in request) == ("ExtendedStatistic" in request):
        raise _wrong("Exactly one of Statistic and ExtendedStatistic must be specified.")
    if statistic(request.get("Statistic") or request["ExtendedStatistic"]) is None:
        raise invalid(
            f"The value {request['ExtendedStatistic']} for parameter ExtendedStatistic is not supported."
        )
    if request["ComparisonOperator"] not in rules.COMPARISONS:
        raise _wrong(f"Clary has no anomaly bands, which {request['ComparisonOperator']} is for.")
    if not valid_period(request["Period"]):
        raise invalid("The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.")
    if request["Period"] * request["EvaluationPeriods"] > LONGEST:
        raise _wrong("Metrics cannot be checked across more than seven days (EvaluationPeriods * Period).")
    if request.get("DatapointsToAlarm", 1) > request["EvaluationPeriods"]:
        raise _wrong("DatapointsToAlarm must be less than or equal to EvaluationPeriods.")
    if request.get("TreatMissingData", rules.MISSING) not in rules.TREATMENTS:
        raise _wrong(f"TreatMissingData must be one of {', '.join(rules.TREATMENTS)}.")


@operation("cloudwatch", "DescribeAlarms")
def describe_alarms(ctx: Context, request: Document) -> Document:
    if "MetricAlarm" not in request.get("AlarmTypes", ["MetricAlarm"]):
        return {"MetricAlarms": [], "CompositeAlarms": []}
    terms: list[Expression] = []
    if "StateValue" in request:
        terms.append(Compare("Status", Operator.EQUALS, request["StateValue"]))
    with ctx.read() as tx:
        if "AlarmNames" in request:
            found = tx.resources.find_many(arn(ctx, name) for name in request["AlarmNames"])
            alarms = [
                each for each in found.values() if request.get("StateValue", each.status) == each.status
            ]
            return {"MetricAlarms": [alarm.document for alarm in alarms], "CompositeAlarms": []}
        alarms = []
        cursor = request.get("NextToken")
        limit = request.get("MaxRecords", PAGE)
        while len(alarms) < limit:
            try:
                page = tx.resources.list(_query(ctx, terms, limit - len(alarms), cursor))
            except BadCursor:
                raise ServiceError("InvalidNextToken", "The NextToken is invalid.") from None
            alarms += [alarm for alarm in page.items if _matches(alarm, request)]
            cursor = page.cursor
            if cursor is None:
                break
    return {"MetricAlarms": [each.document for each in alarms], "CompositeAlarms": [], "NextToken": cursor}


def _matches(alarm: Resource, request: Document) -> bool:
    actions = [action for member in ("OKActions", "AlarmActions", "InsufficientDataActions")
               for action in alarm.spec.get(member, ())]  # fmt: skip
    prefix = request.get("ActionPrefix", "")
    return alarm.name.startswith(request.get("AlarmNamePrefix", "")) and (
        not prefix or any(action.startswith(prefix) for action in actions)
    )


@operation("cloudwatch", "DescribeAlarmsForMetric")
def describe_alarms_for_metric(ctx: Context, request: Document) -> Document:
    wanted = sorted((each["Name"], each["Value"]) for each in request.get("Dimensions", ()))
    terms: list[Expression] = [
        Compare(member, Operator.EQUALS, request[member]) for member in ("Namespace", "MetricName")
    ]

    def same(alarm: Resource) -> bool:
        given = sorted((each["Name"], each["Value"]) for each in alarm.spec.get("Dimensions", ()))
        return given == wanted and all(
            request.get(member, alarm.spec.get(member)) == alarm.spec.get(member)
            for member in ("Statistic", "ExtendedStatistic", "Period", "Unit")
        )

    with ctx.read() as tx:
        found = [each for page in pages(tx, _query(ctx, terms)) for each in page]
    return {"MetricAlarms": [alarm.document for alarm in found if same(alarm)]}


@operation("cloudwatch", "DeleteAlarms")
def delete_alarms(ctx: Context, request: Document) -> None:
    """All of them or, where one is not there, none."""
    with ctx.begin() as tx:
        alarms = [_load(ctx, tx, name) for name in dict.fromkeys(request["AlarmNames"])]
        for alarm in alarms:
            tx.resources.delete(alarm.arn)
    for alarm in alarms:
        ctx.ports.changes.publish(alarm.arn)


@operation("cloudwatch", "SetAlarmState")
def set_alarm_state(ctx: Context, request: Document) -> None:
    """Until the alarm is judged again: after as long as AWS judges it, once a minute, or in ten seconds where its
    period is shorter."""
    with ctx.begin() as tx:
        alarm = _load(ctx, tx, request["AlarmName"])
        event = rules.Judged(
            request["StateValue"], request["StateReason"], request.get("StateReasonData", "")
        )
        hold = 60.0 if alarm.spec["Period"] >= 60 else 10.0
        state = {**alarm.state, **rules.changed(alarm.state, event, ctx.now, hold)}
        tx.resources.update(replace(alarm, state=state, status=event.value, modified=ctx.now))
    ctx.ports.changes.publish(alarm.arn)


@operation("cloudwatch", "EnableAlarmActions")
def enable_alarm_actions(ctx: Context, request: Document) -> None:
    _switch(ctx, request, enabled=True)


@operation("cloudwatch", "DisableAlarmActions")
def disable_alarm_actions(ctx: Context, request: Document) -> None:
    _switch(ctx, request, enabled=False)


def _switch(ctx: Context, request: Document, *, enabled: bool) -> None:
    """Names that are not there are no error."""
    with ctx.begin() as tx:
        for alarm in tx.resources.find_many(arn(ctx, name) for name in request["AlarmNames"]).values():
            words = f"Alarm actions {'enabled' if enabled else 'disabled'} for {alarm.name}"
            spec = {**alarm.spec, "ActionsEnabled": enabled}
            _update(tx, alarm, ctx.now, spec, rules.item("ConfigurationUpdate", words, {}, ctx.now))


@operation("cloudwatch", "DescribeAlarmHistory")
def describe_alarm_history(ctx: Context, request: Document) -> Document:
    """The last hundred items of each alarm that there is."""
    terms: list[Expression] = []
    if "AlarmName" in request:
        terms.append(Compare("Name", Operator.EQUALS, request["AlarmName"]))
    with ctx.read() as tx:
        alarms = [each for page in pages(tx, _query(ctx, terms)) for each in page]
    start, end = request.get("StartDate", 0.0), request.get("EndDate", ctx.now)
    items = [
        {"AlarmName": alarm.name, "AlarmType": "MetricAlarm", **item}
        for alarm in alarms
        for item in alarm.state["Clary"]["history"]
        if start <= item["Timestamp"] <= end
        and request.get("HistoryItemType", item["HistoryItemType"]) == item["HistoryItemType"]
    ]
    newest_first = request.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    items.sort(key=lambda item: float(item["Timestamp"]), reverse=newest_first)
    token = request.get("NextToken", "0")
    if not token.isdigit():
        raise ServiceError("InvalidNextToken", "The NextToken is invalid.")
    first = int(token)
    last = first + request.get("MaxRecords", PAGE)
    return {
        "AlarmHistoryItems": items[first:last],
        "NextToken": str(last) if last < len(items) else None,
    }


def arn(ctx: Context, name: str) -> str:
    return ctx.arn("cloudwatch", f"alarm:{name}")


def _load(ctx: Context, tx: Transaction, name: str) -> Resource:
    found = tx.resources.find(arn(ctx, name))
    if found is None:
        raise ServiceError("ResourceNotFound", f"Unknown alarm: {name}", 404)
    return found


def _query(ctx: Context, terms: list[Expression], limit: int = PAGE, cursor: str | None = None) -> Query:
    return Query(
        ctx.account, ctx.region, (KIND,), Both(tuple(terms)) if terms else None, sort_by="Name",
        descending=False, limit=limit, cursor=cursor,
    )  # fmt: skip


def _update(
    tx: Transaction, alarm: Resource, now: float, spec: Document, item: Document, changes: Document | None = None
) -> None:  # fmt: skip
    clary = alarm.state["Clary"]
    history = [*clary["history"], item][-rules.HISTORY :]
    state = {**alarm.state, **(changes or {}), "Clary": {**clary, "history": history}}
    tx.resources.update(replace(alarm, spec=spec, state=state, modified=now))


def _wrong(message: str) -> ServiceError:
    return ServiceError("ValidationError", message)
