"""What the hooks of all frameworks can be asked: the script's own tensors and numbers, collections, modes."""

import contextlib
import json

from .. import saver as savers
from ..config import Config, ConfigError
from ..quiet import complain, quiet
from . import Collection, ModeKeys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


class Hook:
    """What it saves lies where the job's configuration says: `out_dir` is not looked at, as on SageMaker."""

    COLLECTIONS: "dict[str, list[str]]"
    DEFAULT: "tuple[str, ...]"
    INTERVAL = 500

    def __init__(
        self, out_dir: "str | None" = None, export_tensorboard: bool = False, tensorboard_dir: "str | None" = None,
        dry_run: bool = False, reduction_config: "Any" = None, save_config: "Any" = None, include_regex: "Any" = None,
        include_collections: "Any" = None, save_all: bool = False, include_workers: str = "one", **others: "Any"
    ) -> None:  # fmt: skip
        parameters = {"include_workers": include_workers, "save_all": str(bool(save_all))}
        parameters.update(save_config.parameters() if save_config is not None else {})
        parameters.update(reduction_config.parameters() if reduction_config is not None else {})
        if include_regex:
            parameters["include_regex"] = (
                include_regex if isinstance(include_regex, str) else ",".join(include_regex)
            )
        told = [{"CollectionName": getattr(each, "name", each)} for each in include_collections or ()]
        self._open({"HookParameters": parameters, "CollectionConfigurations": told})

    @classmethod
    def create_from_json_file(cls, json_file_path: "str | None" = None) -> "Any":
        """As the job's DebugHookConfig says, or that file."""
        made = cls.__new__(cls)
        if json_file_path:
            with open(json_file_path, encoding="utf-8") as file:
                made._open(json.load(file))
        else:
            made._follow(made._unasked())
        return made

    hook_from_config = create_from_json_file

    def _open(self, document: "dict[str, Any]") -> None:
        job = savers.document()
        document = dict(document, LocalPath=job.get("LocalPath") or document.get("LocalPath"))
        try:
            saver = savers.Saver(document, Config(document, self.COLLECTIONS, self.DEFAULT, self.INTERVAL))
        except (ConfigError, KeyError, TypeError) as error:
            complain("smdebug's hook", str(error))
            self._follow(None)
        else:
            self._use(saver)
            self._follow(saver)

    def _follow(self, saver: "savers.Saver | None") -> None:
        """None: the job's configuration cannot be followed, and nothing is saved."""
        self.saver = saver
        self.mode = ModeKeys.GLOBAL
        self._said = {}  # type: dict[str, int]

    def _unasked(self) -> "savers.Saver | None":
        """The saver of the hook that came by itself."""
        raise NotImplementedError

    def _use(self, saver: savers.Saver) -> None:
        """Have this one take its place."""
        raise NotImplementedError

    def set_mode(self, mode: "Any") -> None:
        self.mode = mode

    def save_scalar(self, name: str, value: "Any", sm_metric: bool = False, timestamp: "Any" = None) -> None:
        """In whatever step."""
        self._said_again(name)
        self._save("scalar/" + name, value, "sm_metrics", always=True)

    def save_tensor(
        self, tensor_name: str, tensor_value: "Any", collections_to_write: "Any" = "default"
    ) -> None:
        """In steps in which the collection is saved."""
        self._said_again(tensor_name)
        names = collections_to_write
        for name in [names] if isinstance(names, str) else names:
            self.get_collection(name)
            self._save(tensor_name, tensor_value, name)

    @quiet
    def _save(self, name: str, value: "Any", kind: str, always: bool = False) -> None:
        if self.saver is not None and (always or self.saver.wants(name, kind)):
            self.saver.save(name, self._array(value), kind, always)

    @quiet
    def _said_again(self, name: str) -> None:
        """In a loop whose steps no framework tells, a name that comes again begins the next one."""
        if self.saver is not None:
            if self.saver.step < 0 or self._said.get(name) == self.saver.step:
                self.saver.begin(self.mode.name)
            self._said[name] = self.saver.step

    def get_collection(self, name: str, create: bool = True) -> Collection:
        if self.saver is not None:
            self.saver.change(name, {})
        return Collection(self.saver, name)

    def get_collections(self) -> "dict[str, Collection]":
        return {
            name: Collection(self.saver, name)
            for name in (self.saver.config.collections if self.saver else ())
        }

    def add_collection(self, collection: "Any") -> None:
        self.get_collection(collection.name)

    def should_save_tensor_or_collection(self, tensor_name: str, collection_name: str) -> bool:
        return self.saver is not None and self.saver.wants(tensor_name, collection_name)

    def has_default_hook_configuration(self, *_: "Any") -> bool:
        return self.saver is not None and {each.name for each in self.saver.config.saved} == set(self.DEFAULT)

    def close(self) -> None:
        if self.saver is not None:
            self.saver.close()

    @contextlib.contextmanager
    def profiler(self, mode: "Any" = ModeKeys.TRAIN) -> "Iterator[None]":
        """Nothing is profiled within programs."""
        yield

    def profiling_start_batch(self, mode: "Any" = ModeKeys.TRAIN) -> None: ...

    def profiling_end_batch(self, mode: "Any" = ModeKeys.TRAIN) -> None: ...

    def profiling_end(self) -> None: ...

    @staticmethod
    def _array(value: "Any") -> "Any":
        if hasattr(value, "detach"):
            value = value.detach().cpu()
        return value.numpy() if hasattr(value, "numpy") else value
