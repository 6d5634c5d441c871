"""Which error a request earns that cannot be read or breaks the model, per protocol and service."""

from __future__ import annotations

from clary.wire.constraints import Violation
from clary.wire.errors import Malformed, WireError
from clary.wire.models import Operation

INVALID_CODES = {"logs": "InvalidParameterException"}
"""Services whose code for a broken constraint is neither modelled nor their protocol's usual one."""

MALFORMED_XML = "The XML you provided was not well-formed or did not validate against our published schema"


def invalid(operation: Operation, protocol: str, found: list[Violation]) -> WireError:
    """Of a request that breaks constraints."""
    if protocol == "rest-xml":
        return _invalid_rest_xml(operation, found[0])
    detected = "1 validation error" if len(found) == 1 else f"{len(found)} validation errors"
    return WireError(_invalid_code(operation, protocol), f"{detected} detected: {'; '.join(map(str, found))}")


def malformed(protocol: str, error: Malformed) -> WireError:
    """Of a request that cannot be read."""
    if protocol == "rest-xml":
        if error.member is None:
            return WireError("MalformedXML", MALFORMED_XML)
        return WireError(
            "InvalidArgument", "Invalid Argument", ArgumentName=error.member, ArgumentValue=error.value
        )
    return WireError("MalformedInput" if protocol == "query" else "SerializationException", error.message)


def _invalid_code(operation: Operation, protocol: str) -> str:
    if operation.service in INVALID_CODES:
        return INVALID_CODES[operation.service]
    modelled = any(shape.name == "ValidationError" for shape in operation.model.error_shapes)
    queried = protocol == "query" or operation.model.service_model.is_query_compatible
    return "ValidationError" if modelled or queried else "ValidationException"


def _invalid_rest_xml(operation: Operation, found: Violation) -> WireError:
    """S3 names the argument where it is one, and otherwise blames the body."""
    assert operation.input is not None
    head = found.path.partition(".")[0]
    for name, member in operation.input.members.items():
        if name[:1].lower() + name[1:] == head and "location" in member.serialization:
            wire = str(member.serialization.get("name", name))
            if found.value is None:
                return WireError("InvalidRequest", f"Missing required parameter for this request: {wire}")
            return WireError(
                "InvalidArgument", "Invalid Argument", ArgumentName=wire, ArgumentValue=found.value
            )
    return WireError("MalformedXML", MALFORMED_XML)
