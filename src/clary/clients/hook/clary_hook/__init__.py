"""Makes an unchanged program reach Clary and never AWS; standard library only, Python 3.6 and later.

Runs in the user's Python, where Clary is not installed. At start it only puts a finder on `sys.meta_path`,
which costs well under a millisecond; a concern's module is loaded when the module that it changes has been
imported.

    endpoints   clients made by botocore go to Clary, whatever endpoint the code names or botocore works out
    profiles    ... and sign with Clary's keys where the code names a profile
    guard       looking up an AWS host is refused at once: the way out for everything that is not botocore
    telemetry   the SDK's usage reports are not made
    waits       waiters and the SDKs' polls do not sleep through what takes seconds here
    children    a Python that the SDK starts without an environment gets what leads it to Clary
    chain       the `sitecustomize` that ours hides
"""

import os

CHANGED_BY = {
    "aiobotocore.client": "endpoints",
    "awscli.botocore.client": "endpoints",
    "awscli.botocore.waiter": "waits",
    "botocore.client": "endpoints",
    "botocore.waiter": "waits",
    "sagemaker.core.common_utils": "waits",
    "sagemaker.core.helper.session_helper": "waits",
    "sagemaker.core.processing": "waits",
    "sagemaker.core.remote_function.job": "waits",
    "sagemaker.core.resources": "waits",
    "sagemaker.core.telemetry.telemetry_logging": "telemetry",
    "sagemaker.core.transformer": "waits",
    "sagemaker.predictor_async": "waits",
    "sagemaker.serve.deployment_progress": "waits",
    "sagemaker.serve.detector.dependency_manager": "children",
    "sagemaker.serve.predictor_async": "waits",
    "sagemaker.serve.utils.telemetry_logger": "telemetry",
    "sagemaker.session": "waits",
    "sagemaker.telemetry.telemetry_logging": "telemetry",
    "sagemaker.train.common_utils.job_wait": "waits",
    "sagemaker.train.common_utils.log_streamer": "waits",
    "sagemaker.train.common_utils.trainer_wait": "waits",
    "socket": "guard",
}
"""Which concern changes which module, once that is imported. A concern has a function `change(module)`."""


USER_AGENT = "AWS_SDK_UA_APP_ID"
"""What botocore adds to its user agent: it tells the server that this client's waits are quick."""


def install() -> None:
    """Does nothing where AWS_ENDPOINT_URL does not name Clary."""
    if os.environ.get("AWS_ENDPOINT_URL"):
        from clary_hook import imports  # type: ignore[import-not-found,unused-ignore]

        imports.on_import(CHANGED_BY)
        os.environ.setdefault(USER_AGENT, "clary")


def complain(what: str, error: BaseException) -> None:
    """Said only where CLARY_DEBUG is set: a hook that fails must not disturb the program."""
    if os.environ.get("CLARY_DEBUG"):
        import sys

        sys.stderr.write(f"clary: {what}: {error!r}\n")
