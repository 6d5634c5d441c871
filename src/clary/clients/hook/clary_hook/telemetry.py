"""The SageMaker SDKs' usage reports are not made.

Each report would cost a GetCallerIdentity and a GET to a bucket of AWS's, in SDK v2 without a timeout; the
guard would refuse the GET, but the SDK would log that with a traceback. The SDK's own switch
(TelemetryOptOut in its configuration file) makes every Session slower, so the sending function is replaced.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SENDERS = ("_send_telemetry_request", "_send_telemetry")


def change(module: "Any") -> None:
    for name in _SENDERS:
        if hasattr(module, name):
            setattr(module, name, _send_nothing)


def _send_nothing(*args: "Any", **kwargs: "Any") -> None:
    return None
