"""Gradients, inputs and outputs of a Keras model, which only its graph knows.

TensorFlow 1: in a step that saves them, they are fetched together with what training fetches; names are the
tensors' own, as smdebug has them.
"""

import importlib

from .quiet import complain, quiet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .saver import Saver


def of(model: "Any", saver: "Saver", family: str) -> "Any":
    """What `begin`s and `end`s with each step; None where there is no way to them."""
    if (
        family.startswith("keras.src.callbacks.callback")
        or importlib.import_module("tensorflow").executing_eagerly()
    ):
        from . import keras_eager

        return keras_eager.of(model, saver, family)
    backend = importlib.import_module(family.rsplit(".", 1)[0] + ".backend")
    return Fetches(model, saver, backend)


class Fetches:
    def __init__(self, model: "Any", saver: "Saver", backend: "Any") -> None:
        self._model, self._saver, self._backend = model, saver, backend
        self._gradients = []  # type: list[Any]
        self._added = []  # type: list[Any]
        self._copies = {}  # type: dict[str, Any]
        self._function = None  # type: Any
        optimizer = getattr(model, "optimizer", None)
        if optimizer is not None and hasattr(optimizer, "get_gradients"):
            self._watch(optimizer)

    def _watch(self, optimizer: "Any") -> None:
        """Keras asks the optimizer for the gradients once, as it builds the training function."""
        original = optimizer.get_gradients
        if getattr(original, "clary_gradients", None) is not None:
            self._gradients = original.clary_gradients
            return

        def get_gradients(loss: "Any", parameters: "Any") -> "Any":
            found = original(loss, parameters)
            self._gradients[:] = [each for each in found if each is not None]
            return found

        get_gradients.clary_gradients = self._gradients  # type: ignore[attr-defined]
        optimizer.get_gradients = get_gradients

    def begin(self, mode: str) -> None:
        self._function = getattr(self._model, "train_function" if mode == "TRAIN" else "test_function", None)
        if self._function is None or not hasattr(self._function, "fetch_callbacks"):
            return
        for name, kind, tensor in self._tensors(mode):
            if self._saver.wants(name, kind):
                fetched = self._fetchable(tensor)
                if fetched in self._function.fetch_callbacks:
                    complain("saving " + name, "another callback fetches it")
                    continue
                self._function.fetches.append(fetched)
                self._function.fetch_callbacks[fetched] = self._keeper(name, kind)
                self._added.append(fetched)

    def end(self) -> None:
        for tensor in self._added:
            self._function.fetches.remove(tensor)
            self._function.fetch_callbacks.pop(tensor)
        del self._added[:]

    def _keeper(self, name: str, kind: str) -> "Any":
        @quiet
        def keep(value: "Any") -> None:
            self._saver.save(name, value, kind)

        return keep

    def _fetchable(self, tensor: "Any") -> "Any":
        """What is fed cannot be fetched, but its copy can; sparse gradients are fetched as their values."""
        tensor = getattr(tensor, "values", tensor) if hasattr(tensor, "dense_shape") else tensor
        if tensor.op.type != "Placeholder":
            return tensor
        if tensor.name not in self._copies:
            tensorflow = importlib.import_module("tensorflow")
            self._copies[tensor.name] = tensorflow.identity(tensor)
        return self._copies[tensor.name]

    def _tensors(self, mode: str) -> "Iterator[tuple[str, str, Any]]":
        if mode == "TRAIN":
            for tensor in self._gradients:
                yield tensor.name, "gradients", tensor
        inputs, outputs = list(self._model.inputs or ()), list(self._model.outputs or ())
        seen = set()
        for layer in self._model.layers:
            for role, known in (("inputs", inputs), ("outputs", outputs)):
                for tensor in _flat(getattr(layer, role[:-1], ())):
                    name = "%s/%s/%s" % (layer.name, role, tensor.name)
                    if name not in seen and hasattr(tensor, "op"):
                        seen.add(name)
                        yield name, role if any(each is tensor for each in known) else "layers", tensor


def _flat(value: "Any") -> "list[Any]":
    return list(value) if isinstance(value, (list, tuple)) else [value]
