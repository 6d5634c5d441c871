"""What every job's Create checks before anything is written: its role, its buckets and its data. What fails here
would fail on AWS too, minutes later."""

from __future__ import annotations

from collections.abc import Iterable

import regex

from clary.api import Context, ServiceError
from clary.domain.cluster import hosts
from clary.domain.jobs import TERMINAL
from clary.services.iam.access import denied, may_be_assumed
from clary.storage.objects import NoSuchBucket
from clary.storage.ports import Document, Resource, Transaction

MAX_HOSTS = 100


def refused(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def check_role(tx: Transaction, job: Resource) -> None:
    role = job.spec["RoleArn"]
    if not may_be_assumed(tx, role):
        raise refused(
            f"Could not assume role {role}. Please ensure that the role exists and allows principal "
            "'sagemaker.amazonaws.com' to assume the role."
        )


def check_access(tx: Transaction, job: Resource, inputs: Iterable[str], output: str) -> None:
    """No policy of the role denies the job its data. `inputs`, `output`: S3 URIs, prefixes."""
    role = job.spec["RoleArn"]
    places = [uri.removeprefix("s3://").partition("/") for uri in inputs]
    wanted = [("s3:ListBucket", f"arn:aws:s3:::{bucket}") for bucket, _, _ in places]
    wanted += [("s3:GetObject", f"arn:aws:s3:::{bucket}/{prefix}") for bucket, _, prefix in places]
    wanted.append(("s3:PutObject", f"arn:aws:s3:::{output.removeprefix('s3://').rstrip('/')}/{job.name}"))
    if refusal := denied(tx, role, wanted):
        action, resource = refusal
        raise refused(
            f"Access denied: the role {role} is not allowed to perform {action} on {resource}: a policy of the role "
            "denies it. Please ensure that the role has access to the job's data."
        )


def check_hosts(job: Resource) -> None:
    count = len(hosts(job.spec))
    if count > MAX_HOSTS:
        raise refused(
            f"The job asks for {count} instances; this machine plays at most {MAX_HOSTS} hosts of a job."
        )


def check_bucket(ctx: Context, uri: str, member: str) -> None:
    bucket = uri.removeprefix("s3://").split("/")[0]
    try:
        ctx.objects.find(bucket, "/")
    except NoSuchBucket:
        raise refused(f"The specified bucket {bucket!r} of {member} {uri} does not exist.") from None


def check_found(ctx: Context, job: Resource, uri: str) -> None:
    """There are objects under a prefix."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    try:
        found = next(iter(ctx.objects.list(bucket, prefix)), None)
    except NoSuchBucket:
        found = None
    if found is None:
        raise refused(
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket '
            f"exists in the selected region ({job.region}), that objects exist under that S3 prefix, and that the "
            f'role "{job.spec["RoleArn"]}" has "s3:ListBucket" permissions on bucket "{bucket}".'
        )


def check_metrics(definitions: list[Document]) -> None:
    for definition in definitions:
        try:
            compiled = regex.compile(definition["Regex"])
        except regex.error as error:
            raise refused(
                f"Invalid regular expression {definition['Regex']!r} of metric {definition['Name']!r}: {error}."
            ) from None
        if compiled.groups < 1:
            raise refused(
                f"The regular expression {definition['Regex']!r} of metric {definition['Name']!r} has no group: "
                "put the number into parentheses, as in 'loss: ([0-9.]+)'."
            )


def refuse_ended(job: Resource, noun: str) -> None:
    if job.status in TERMINAL:
        raise refused(f"The request was rejected because the {noun} job is in status {job.status}.")


def refuse_running(job: Resource, noun: str) -> None:
    if job.status not in TERMINAL:
        raise refused(
            f"The {noun} job {job.name} is in status {job.status}: only one that is Completed, Failed or Stopped "
            "can be deleted. Stop it first."
        )
