"""AWS's own description of its services, as botocore ships it: loaded once, on first use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, StructureShape

from clary.wire.relaxed import relax


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation of the model: one object, compared as such. `input` and `output` are botocore's shapes; None where it
    has none."""

    service: str
    name: str
    model: OperationModel

    @cached_property
    def input(self) -> StructureShape | None:
        shape: StructureShape | None = self.model.input_shape
        return shape

    @cached_property
    def output(self) -> StructureShape | None:
        shape: StructureShape | None = self.model.output_shape
        return shape


@dataclass(frozen=True, eq=False)
class Service:
    """A service, of which there is one object, by botocore's name: `sagemaker`, `sagemaker-runtime`, `s3`, `sts`, ..."""

    name: str
    model: ServiceModel

    @cached_property
    def operations(self) -> Mapping[str, Operation]:
        return {
            name: Operation(self.name, name, self.model.operation_model(name))
            for name in self.model.operation_names
        }


@cache
def service(name: str) -> Service:
    """Raises `botocore.exceptions.UnknownServiceError` for a name that botocore does not know."""
    description = relax(name, _loader().load_service_model(name, "service-2"))
    return Service(name, ServiceModel(description, service_name=name))


@lru_cache(maxsize=1)
def _loader() -> Loader:
    # Only botocore's own folder: a user's ~/.aws/models must not change what the server speaks.
    return Loader(include_default_search_paths=False, extra_search_paths=[Loader.BUILTIN_DATA_PATH])
