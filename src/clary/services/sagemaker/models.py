"""Models: which image serves which artifact, as which role."""

from __future__ import annotations

from clary.api import Context, Kind, ServiceError
from clary.services.iam import role_exists
from clary.services.sagemaker.deployments_lineage import write_model
from clary.storage.ports import Document, Resource, Transaction

Model = Kind(
    "sagemaker",
    "Model",
    exists=("ValidationException", 'Cannot create already existing model "{arn}".'),
    missing=("ValidationException", 'Could not find model "{arn}".'),
)
Model.serves("Create", "Describe", "List", "Delete")


NOT_YET = ("AdditionalModelDataSources", "ContainerMetricsConfig", "InferenceSpecificationName")


@Model.on_create
def check(ctx: Context, tx: Transaction, model: Resource) -> None:
    spec = model.spec
    if "PrimaryContainer" in spec and "Containers" in spec:
        raise ServiceError(
            "ValidationException",
            "You can specify either PrimaryContainer or Containers, not both, in a CreateModel request.",
        )
    given: list[Document] = (
        [spec["PrimaryContainer"]] if "PrimaryContainer" in spec else spec.get("Containers", [])
    )
    if not given:
        raise ServiceError(
            "ValidationException",
            "You must provide either PrimaryContainer or Containers in a CreateModel request.",
        )
    _check_several(given, spec.get("InferenceExecutionConfig", {}).get("Mode"))
    for container in given:
        if "ModelPackageName" in container:
            raise ServiceError(
                "ValidationException",
                "Clary does not serve model packages yet: name an Image and its ModelDataUrl.",
            )
        if "Image" not in container:
            raise ServiceError("ValidationException", "A container needs an Image.")
        for member in NOT_YET:
            if container.get(member):
                raise ServiceError(
                    "ValidationException", f"Clary does not serve containers with {member} yet."
                )
        source = container.get("ModelDataSource", {}).get("S3DataSource", {})
        if "HubAccessConfig" in source or "ManifestS3Uri" in source:
            raise ServiceError(
                "ValidationException",
                "Clary does not read models by HubAccessConfig or ManifestS3Uri: name an S3Uri.",
            )
        if "ModelDataUrl" in container and "ModelDataSource" in container:
            raise ServiceError(
                "ValidationException", "You can specify either ModelDataUrl or ModelDataSource, not both."
            )
    role = spec.get("ExecutionRoleArn")
    if role and not role_exists(tx, role):
        raise ServiceError(
            "ValidationException",
            f"Could not assume role {role}. Please ensure that the role exists and allows principal 'sagemaker.amazonaws.com' to "
            "assume the role.",
        )
    write_model(tx, model, ctx.now)


def _check_several(given: list[Document], mode: str | None) -> None:
    """What a model of several containers has to keep to."""
    names = [each.get("ContainerHostname") for each in given]
    many = [each for each in given if each.get("Mode") == "MultiModel"]
    words = ""
    if mode == "Direct" and len(given) < 2:
        words = "InferenceExecutionConfig Mode Direct needs Containers, two or more."
    elif mode == "Direct" and None in names:
        words = "InferenceExecutionConfig Mode Direct needs a ContainerHostname for every container."
    elif mode == "Direct" and many:
        words = "A container of InferenceExecutionConfig Mode Direct cannot have Mode MultiModel."
    elif len(given) > 1 and None in names and any(names):
        words = "ContainerHostname must be given for every container of an inference pipeline, or for none."
    elif any("ModelDataUrl" not in each for each in many):
        words = (
            "A container with Mode MultiModel needs a ModelDataUrl: the S3 prefix under which its models are."
        )
    elif len(many) > 1:
        words = "An inference pipeline can have one container with Mode MultiModel, not more."
    elif repeated := sorted({name for name in names if name and names.count(name) > 1}):
        words = f"ContainerHostname must be unique: {', '.join(repeated)} is there more than once."
    if words:
        raise ServiceError("ValidationException", words)
