"""What an endpoint's configuration has to keep to, by AWS's rules, and what of AWS's Clary does not serve: what would be
promised and not done is refused. All raise ValidationException."""

from __future__ import annotations

from clary.api import Context, Document
from clary.domain.endpoint import many_models
from clary.services.sagemaker.job_checks import check_bucket, refused

NOT_YET = ("ExplainerConfig", "CrossRegionTrafficConfig")
NOT_YET_OF_VARIANTS = ("AcceleratorType", "CoreDumpConfig", "InstancePools", "AcceleratorPartitionLayouts")
NOT_SERVERLESS = ("InitialInstanceCount", "InstanceType")
SERVERLESS_SIZES = (1024, 2048, 3072, 4096, 5120, 6144)
"""MB of memory."""
STRATEGIES = (None, "LEAST_OUTSTANDING_REQUESTS", "RANDOM")
MOST_INSTANCES = 64
"""Of a variant, each with its own model servers: all are this machine's."""


def variants_of(config: Document) -> list[Document]:
    return [*config["ProductionVariants"], *config.get("ShadowProductionVariants", ())]


def check_variants(config: Document) -> None:
    for member in NOT_YET:
        if member in config:
            raise refused(f"Clary does not serve endpoints with {member} yet.")
    variants = variants_of(config)
    names = [variant["VariantName"] for variant in variants]
    for name in names:
        if names.count(name) > 1:
            raise refused(f"Duplicate variant name '{name}'. Variant names must be unique.")
    if "ShadowProductionVariants" in config and len(variants) > 2:
        raise refused(
            "With ShadowProductionVariants there can be one production variant and one shadow variant, not more."
        )
    for variant in variants:
        _check_variant(variant)


def _check_variant(variant: Document) -> None:
    name = variant["VariantName"]
    if unserved := _unserved(variant):
        raise refused(
            f"Clary does not serve variants with {', '.join(unserved)}: leave it out of variant {name}."
        )
    if "ModelName" not in variant:
        raise refused("Clary does not serve inference components yet: a variant needs a ModelName.")
    serverless = variant.get("ServerlessConfig")
    if serverless is None and "InstanceType" not in variant:
        raise refused(f"Variant {name} needs an InstanceType or a ServerlessConfig.")
    if serverless is not None:
        if given := [member for member in NOT_SERVERLESS if member in variant]:
            raise refused(f"Variant {name} has a ServerlessConfig: {' and '.join(given)} must be left out.")
        if serverless["MemorySizeInMB"] not in SERVERLESS_SIZES:
            raise refused(
                f"MemorySizeInMB of variant {name} must be one of {', '.join(map(str, SERVERLESS_SIZES))}, not "
                f"{serverless['MemorySizeInMB']}."
            )
    check_count(name, variant.get("InitialInstanceCount"))


def _unserved(variant: Document) -> list[str]:
    found = [member for member in NOT_YET_OF_VARIANTS if variant.get(member)]
    if variant.get("ManagedInstanceScaling", {}).get("Status") == "ENABLED":
        found.append("ManagedInstanceScaling")
    if "ProvisionedConcurrency" in variant.get("ServerlessConfig", {}):
        found.append("ServerlessConfig.ProvisionedConcurrency")
    strategy = variant.get("RoutingConfig", {}).get("RoutingStrategy")
    if strategy not in STRATEGIES:
        found.append(f"RoutingStrategy {strategy}")
    if variant.get("EnableSSMAccess"):
        found.append("EnableSSMAccess")
    return found


def check_count(variant: str, count: int | None, *, may_be_none: bool = False) -> None:
    """`may_be_none`: whether it can have no instance at all."""
    if count is None:
        return
    if count < 1 and not may_be_none:
        raise refused(
            f"Variant {variant} needs an instance at least: only asynchronous endpoints can have none."
        )
    if count > MOST_INSTANCES:
        raise refused(
            f"Variant {variant} asks for {count} instances; this machine plays at most {MOST_INSTANCES} of a variant."
        )


def check_asynchronous(model: Document) -> None:
    """InvokeEndpointAsync has no TargetModel."""
    if many_models(model):
        raise refused("An endpoint with AsyncInferenceConfig cannot have a model with Mode MultiModel.")


def check_outputs(ctx: Context, config: Document) -> None:
    """Whether the buckets are there that are to be written."""
    capture = config.get("DataCaptureConfig")
    if capture and capture.get("EnableCapture", True):
        check_bucket(ctx, capture["DestinationS3Uri"], "DestinationS3Uri")
    if "AsyncInferenceConfig" not in config:
        return
    output = config["AsyncInferenceConfig"]["OutputConfig"]
    if "S3OutputPath" not in output:
        raise refused("An AsyncInferenceConfig needs an S3OutputPath.")
    for member in ("S3OutputPath", "S3FailurePath"):
        if member in output:
            check_bucket(ctx, output[member], member)
