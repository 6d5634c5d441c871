"""Keras 3, Keras 2 and tf.keras of TensorFlow 1 and 2: a callback that `Model.fit` and `evaluate` get, and that
`train_on_batch` and `test_on_batch` call; loops of `tf.GradientTape` are `gradient_tape.py`'s.

As smdebug's KerasHook does: a step is a batch of any mode; a batch's logs are metrics, but for `loss` and
`val_loss`, which are losses; at an epoch's end all of its logs are saved whatever the step, with `batch` then
the epoch's number, in the mode and step of the last batch.
"""

import contextlib
import functools
import importlib
import inspect
import re
import sys

from . import saver as savers
from .quiet import complain, quiet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

COLLECTIONS = {
    "all": [], "default": [], "weights": [], "biases": ["/weights/.*bias"], "gradients": [], "losses": [],
    "metrics": [], "inputs": [], "outputs": [], "layers": [], "sm_metrics": [], "optimizer_variables": [],
}  # type: dict[str, list[str]]  # fmt: skip
DEFAULT = ("losses", "metrics", "sm_metrics")
LOSSES = ("loss", "val_loss")
METHODS = ("fit", "fit_generator", "evaluate", "evaluate_generator")
ON_BATCH = {"train_on_batch": "TRAIN", "test_on_batch": "EVAL"}
_BIAS = re.compile("bias")

_savers = []  # type: list[savers.Saver | None]
"""The one of this process, once it was asked for."""
_callbacks = {}  # type: dict[str, Any]
"""The one callback of each Keras that is in the process."""
_running = []  # type: list[str]
"""Methods of models that are at work, the outermost first."""


def saver() -> "savers.Saver | None":
    """That which all that trains by TensorFlow or Keras shares."""
    if not _savers:
        _savers.append(savers.open_saver(COLLECTIONS, DEFAULT))
    return _savers[0]


def use(chosen: savers.Saver) -> None:
    """A script's own hook takes the place of the one that came unasked."""
    _savers[:] = [chosen]
    _callbacks.clear()


def is_running() -> bool:
    """Whether a model's own method is at work, which saves by itself."""
    return bool(_running)


def change(module: "Any") -> None:
    """`module` has the class Model."""
    name = module.__name__
    is_3 = name.startswith("keras.src.models")
    family = "keras.src.callbacks.callback" if is_3 else name.rsplit(".", 2)[0] + ".callbacks"
    for method in METHODS:
        if hasattr(module.Model, method):
            setattr(module.Model, method, _with_callback(getattr(module.Model, method), family))
    for method, mode in ON_BATCH.items():
        if hasattr(module.Model, method):
            setattr(module.Model, method, _on_batch(getattr(module.Model, method), family, mode))


def _with_callback(method: "Callable[..., Any]", family: str) -> "Callable[..., Any]":
    names = list(inspect.signature(method).parameters)
    if "callbacks" not in names:
        return method
    place = names.index("callbacks")

    @functools.wraps(method)
    def call(*args: "Any", **options: "Any") -> "Any":
        try:
            given = args[place] if len(args) > place else options.get("callbacks")
            callbacks = _extended(given, family, args[0])
            if callbacks is not None:
                if len(args) > place:
                    args = args[:place] + (callbacks,) + args[place + 1 :]
                else:
                    options = dict(options, callbacks=callbacks)
        except Exception as error:
            complain("adding a callback", error)
        with running(method.__name__):
            return method(*args, **options)

    return call


@contextlib.contextmanager
def running(name: str) -> "Iterator[None]":
    _running.append(name)
    try:
        yield
    finally:
        _running.pop()


def _on_batch(method: "Callable[..., Any]", family: str, mode: str) -> "Callable[..., Any]":
    """A step of a loop of the user's own; within `fit` it is Keras's."""

    @functools.wraps(method)
    def call(model: "Any", *args: "Any", **options: "Any") -> "Any":
        if _running:
            return method(model, *args, **options)
        callback = _begun(family, model, mode)
        with running(method.__name__):
            result = method(model, *args, **options)
        if callback is not None:
            callback.on_batch(mode, result)
        return result

    return call


@quiet
def _begun(family: str, model: "Any", mode: str) -> "Any":
    callback = _callback(family)
    if callback is not None:
        callback.prepare(model)
        callback.set_model(model)
        callback.on_train_batch_begin(0) if mode == "TRAIN" else callback.on_test_batch_begin(0)
    return callback


def _extended(given: "Any", family: str, model: "Any") -> "list[Any] | None":
    """None: leave them as they are. A CallbackList is Keras's own, on its way from `fit` to `evaluate`."""
    callback = _callback(family)
    base = importlib.import_module(family).Callback
    if isinstance(given, base) and not hasattr(given, "callbacks"):
        given = [given]
    if (
        callback is None
        or (given is not None and not isinstance(given, (list, tuple)))
        or callback in (given or ())
    ):
        return None
    callback.prepare(model)
    return list(given or ()) + [callback]


def _callback(family: str) -> "Any":
    if family not in _callbacks:
        found = saver()
        base = importlib.import_module(family).Callback
        _callbacks[family] = type("ClaryDebugger", (Hook, base), {})(found, family) if found else None
    return _callbacks[family]


class Hook:
    """Mixed into the Callback of whichever Keras it is."""

    _supports_tf_logs = True
    _chief_worker_only = False

    def __init__(self, saver: savers.Saver, family: str) -> None:
        super().__init__()
        self.saver, self.family = saver, family
        self.asks_tensors = saver.config.asks(
            "weights", "biases", "optimizer_variables", "gradients", "inputs", "outputs", "layers"
        )
        self.async_safe = (
            not self.asks_tensors
        )  # Keras 3 then calls from a thread and does not wait for values
        self.graph = None  # type: Any
        """What is inside the model's graph, where the job asks for that."""

    @quiet
    def prepare(self, model: "Any") -> None:
        """Before Keras builds the functions that train it."""
        if self.asks_tensors and self.saver.config.asks("gradients", "inputs", "outputs", "layers"):
            from . import keras_graph

            self.graph = keras_graph.of(model, self.saver, self.family)

    # Where only logs are saved, a step begins as its batch ends: Keras 3 then calls the end, but not the
    # beginning, from its own thread.

    def on_train_batch_begin(self, batch: int, logs: "Any" = None) -> None:
        if self.asks_tensors:
            self._begin("TRAIN")

    def on_train_batch_end(self, batch: int, logs: "Any" = None) -> None:
        self._end("TRAIN", batch, logs)

    def on_test_batch_begin(self, batch: int, logs: "Any" = None) -> None:
        if self.asks_tensors:
            self._begin("EVAL")

    def on_test_batch_end(self, batch: int, logs: "Any" = None) -> None:
        self._end("EVAL", batch, logs)

    @quiet
    def on_batch(self, mode: str, result: "Any") -> None:
        """What `train_on_batch` or `test_on_batch` returned: a number, numbers, or a dictionary of them."""
        self._end(mode, self.saver.mode_steps.get(mode, -1) + (not self.asks_tensors), result)

    @quiet
    def on_epoch_end(self, epoch: int, logs: "Any" = None) -> None:
        if self.saver.step >= 0:
            self._save_logs(epoch, logs, always=True)
            self.saver.close()

    @quiet
    def _begin(self, mode: str) -> None:
        self.saver.begin(mode)
        if self.graph is not None:
            self.graph.begin(mode)

    @quiet
    def _end(self, mode: str, batch: int, logs: "Any") -> None:
        if not self.asks_tensors:
            self.saver.begin(mode)
        if not self.saver.active:
            return
        if self.asks_tensors:
            self._save_variables()
            if self.graph is not None:
                self.graph.end()
        self._save_logs(batch, logs)

    def _save_logs(self, batch: int, logs: "Any", always: bool = False) -> None:
        if logs is not None and not hasattr(logs, "items"):
            numbers = list(logs) if isinstance(logs, (list, tuple)) else [logs]
            logs = dict(zip(result_names(self.model, len(numbers)), numbers))  # type: ignore[attr-defined]  # noqa: B905
        found = dict(logs or {})
        found["batch"] = batch
        for kind in ("metrics", "losses"):
            if always or self.saver.is_active(kind):
                for name, value in found.items():
                    if (name in LOSSES) == (kind == "losses") and name != "outputs":
                        self.saver.save(name, array(value), kind, always)

    def _save_variables(self) -> None:
        wanted = [each for each in self._variables() if self.saver.wants(each[0], each[1])]
        values = self._read([variable for _, _, variable in wanted])
        for (name, kind, _), value in zip(wanted, values):  # noqa: B905
            self.saver.save(name, value, kind)

    def _variables(self) -> "Iterator[tuple[str, str, Any]]":
        """Name, collection and variable of all weights and of the optimizer's."""
        model = self.model  # type: ignore[attr-defined]
        for layer in model.layers:
            for weight in layer.weights:
                name = variable_name(weight)
                yield (
                    "%s/weights/%s" % (layer.name, name),
                    "biases" if _BIAS.search(name) else "weights",
                    weight,
                )
        optimizer = getattr(model, "optimizer", None)
        if self.saver.mode == "TRAIN" and optimizer is not None:
            known = getattr(optimizer, "variables", None)
            known = known() if callable(known) else known if known is not None else optimizer.weights
            hyper = getattr(optimizer, "_hyper", {}).values()
            for variable in list(known) + [each for each in hyper if hasattr(each, "shape")]:
                yield variable_name(variable), "optimizer_variables", variable

    def _read(self, variables: "list[Any]") -> "list[Any]":
        backend = sys.modules.get(self.family.rsplit(".", 1)[0] + ".backend")
        if backend is not None and hasattr(backend, "batch_get_value"):
            return backend.batch_get_value(variables)  # type: ignore[no-any-return]
        return [array(each) for each in variables]


def result_names(model: "Any", count: int) -> "list[str]":
    """Of the numbers that a model returns for a batch; the loss alone where they cannot be told."""
    names = []
    for metric in getattr(model, "metrics", ()):
        within = getattr(metric, "metrics", None)
        names += [each.name for each in within] if within is not None else [metric.name]
    for found in (names, ["loss"] + names, list(getattr(model, "metrics_names", None) or ())):
        if len(found) == count and found[0] == "loss":
            return found
    return ["loss"]


def variable_name(variable: "Any") -> str:
    """As TensorFlow names it, `dense/kernel:0`; Keras 3 calls this the path and has no number."""
    name = str(getattr(variable, "path", None) or variable.name)
    return name if ":" in name else name + ":0"


def array(value: "Any") -> "Any":
    """NumPy's, of a variable or tensor of any backend."""
    value = getattr(value, "value", value) if hasattr(value, "path") else value
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    return value.numpy() if hasattr(value, "numpy") else value
