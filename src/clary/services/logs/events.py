"""CloudWatch Logs, as far as reading what jobs wrote goes. Times are epoch milliseconds, as in its model.

Page tokens are `f/N` and `b/N` around line ids: forward from a line, backward from it. At either end the
token comes back unchanged, which is how clients know that there is no more.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from clary.api import Context, Document, ServiceError, operation
from clary.storage.ports import LogLine, LogStream, Missing

PAGE = 50
EVENTS = 10_000


@operation("logs", "DescribeLogGroups")
def describe_log_groups(ctx: Context, request: Document) -> Document:
    limit = request.get("limit", PAGE)
    prefix, pattern = request.get("logGroupNamePrefix", ""), request.get("logGroupNamePattern", "")
    with ctx.read() as tx:
        found = tx.logs.groups(prefix, after=request.get("nextToken"), limit=limit + 1)
    groups = [
        {"logGroupName": name, "arn": ctx.arn("logs", f"log-group:{name}:*")}
        for name in found[:limit]
        if pattern.lower() in name.lower()
    ]
    return {"logGroups": groups, "nextToken": found[limit - 1] if len(found) > limit else None}


@operation("logs", "DescribeLogStreams")
def describe_log_streams(ctx: Context, request: Document) -> Document:
    group, limit = group_named(request), request.get("limit", PAGE)
    prefix = request.get("logStreamNamePrefix", "")
    by_time = request.get("orderBy", "LogStreamName") == "LastEventTime"
    if by_time and prefix:
        raise ServiceError(
            "InvalidParameterException", "Cannot order by LastEventTime with a logStreamNamePrefix."
        )
    descending = request.get("descending", False)
    with ctx.read() as tx:
        if not by_time and not descending:
            found = list(tx.logs.streams(group, prefix, after=request.get("nextToken"), limit=limit + 1))
            more = found[limit - 1].name if len(found) > limit else None
        else:
            # The store pages by name; the other orders are rare and small: sort here.
            every = list(tx.logs.streams(group, prefix, limit=1_000_000))
            every.sort(
                key=(lambda s: (s.last_time or 0.0, s.name)) if by_time else (lambda s: (0.0, s.name)),
                reverse=descending,
            )
            names = [stream.name for stream in every]
            token = request.get("nextToken")
            start = names.index(token) + 1 if token in names else 0
            found = every[start : start + limit + 1]
            more = found[limit - 1].name if len(found) > limit else None
        if not found and not tx.logs.streams(group, limit=1):
            raise no_group()
    return {"logStreams": [_stream(ctx, group, stream) for stream in found[:limit]], "nextToken": more}


@operation("logs", "GetLogEvents")
def get_log_events(ctx: Context, request: Document) -> Document:
    group, stream = group_named(request), request["logStreamName"]
    limit = request.get("limit", EVENTS)
    direction, anchor = _token(request.get("nextToken"))
    newest = direction == "b" or (direction == "" and not request.get("startFromHead", False))
    with ctx.read() as tx:
        try:
            tx.logs.stream(group, stream)
        except Missing:
            if not tx.logs.streams(group, limit=1):
                raise no_group() from None
            raise ServiceError(
                "ResourceNotFoundException", "The specified log stream does not exist."
            ) from None
        found = tx.logs.lines(
            group, [stream], start=_seconds(request.get("startTime")), end=_seconds(request.get("endTime")),
            after=anchor if direction == "f" else None, before=anchor if direction == "b" else None,
            limit=limit, newest=newest,
        )  # fmt: skip
    lines = [line for _, line in found]
    first, last = (lines[0].id, lines[-1].id) if lines else (anchor, anchor)
    return {
        "events": [_event(line) for line in lines],
        "nextForwardToken": f"f/{last:019d}",
        "nextBackwardToken": f"b/{first:019d}",
    }


@operation("logs", "FilterLogEvents")
def filter_log_events(ctx: Context, request: Document) -> Document:
    group, limit = group_named(request), request.get("limit", EVENTS)
    matches = matcher(request.get("filterPattern", ""))
    token = request.get("nextToken")
    if token is not None and not re.fullmatch(r"\d+", token):
        raise ServiceError("InvalidParameterException", "The specified nextToken is invalid.")
    after = int(token) if token is not None else None
    names = request.get("logStreamNames")
    prefix = request.get("logStreamNamePrefix", "")
    with ctx.read() as tx:
        if not tx.logs.streams(group, limit=1):
            raise no_group()
        if names is None and prefix:
            names = [stream.name for stream in tx.logs.streams(group, prefix, limit=1_000_000)]
        found = tx.logs.lines(
            group, names, start=_seconds(request.get("startTime")), end=_seconds(request.get("endTime")),
            after=after, limit=limit,
        )  # fmt: skip
    events = [
        {**_event(line), "logStreamName": name, "eventId": str(line.id)}
        for name, line in found
        if matches(line.text)
    ]
    return {"events": events, "nextToken": str(found[-1][1].id) if len(found) == limit else None}


def matcher(pattern: str) -> Callable[[str], bool]:
    """Terms of a filter pattern: all must occur, `-term` must not, `"two words"` is one term, `?a ?b` is either.
    Raises for the JSON and the space-delimited forms, which Clary does not do."""
    if pattern.strip().startswith(("{", "[", "%")):
        raise ServiceError(
            "InvalidParameterException",
            'Clary reads filter patterns made of terms (ERROR "two words" -debug ?either ?or), not JSON, '
            "space-delimited or regular expression ones.",
        )
    terms = re.findall(r'([?-]?)(?:"([^"]*)"|(\S+))', pattern)
    wanted = [quoted or plain for sign, quoted, plain in terms if sign == ""]
    unwanted = [quoted or plain for sign, quoted, plain in terms if sign == "-"]
    either = [quoted or plain for sign, quoted, plain in terms if sign == "?"]
    return lambda text: (
        all(term in text for term in wanted)
        and not any(term in text for term in unwanted)
        and (not either or any(term in text for term in either))
    )


def group_named(request: Document) -> str:
    name = request.get("logGroupName") or request.get("logGroupIdentifier") or ""
    if not name:
        raise ServiceError(
            "InvalidParameterException", "Either logGroupName or logGroupIdentifier is required."
        )
    return str(name).split(":log-group:")[-1].removesuffix(":*")


def no_group() -> ServiceError:
    return ServiceError("ResourceNotFoundException", "The specified log group does not exist.")


def _token(token: str | None) -> tuple[str, int]:
    if token is None:
        return "", 0
    match = re.fullmatch(r"([fb])/(\d+)", token)
    if not match:
        raise ServiceError("InvalidParameterException", "The specified nextToken is invalid.")
    return match[1], int(match[2])


def _event(line: LogLine) -> Document:
    return {
        "timestamp": int(line.time * 1000),
        "message": line.text,
        "ingestionTime": int(line.ingested * 1000),
    }


def _stream(ctx: Context, group: str, stream: LogStream) -> Document:
    times = {
        "creationTime": stream.created,
        "firstEventTimestamp": stream.first_time,
        "lastEventTimestamp": stream.last_time,
        "lastIngestionTime": stream.last_ingested,
    }
    return {
        "logStreamName": stream.name,
        "arn": ctx.arn("logs", f"log-group:{group}:log-stream:{stream.name}"),
        "uploadSequenceToken": str(stream.lines),
        **{name: int(value * 1000) for name, value in times.items() if value is not None},
    }


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
