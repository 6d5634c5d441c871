"""Gradients, inputs and outputs of a Keras model whose step is a compiled function: TensorFlow 2, Keras 3.

On TensorFlow the step calls out with them where a variable says so, which is set for the steps that save them;
XLA, which can call out to nothing, is off for such a model. On PyTorch gradients are on the parameters when a
step has ended. On JAX there is no way to them.

Names are smdebug's: `gradients/dense/kernelGrad`, `inputs`, `labels`, `predictions`, with a number each where
there are several.
"""

import functools
import importlib
import sys

from .quiet import complain, quiet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .saver import Saver

KINDS = ("gradients", "inputs", "outputs")
_graphs = {}  # type: dict[int, Any]
"""By the model's id: Keras keeps a model's functions from one `fit` to the next."""


def of(model: "Any", saver: "Saver", family: str) -> "Any":
    if id(model) not in _graphs:
        _graphs[id(model)] = _made(model, saver, family)
    return _graphs[id(model)]


def _made(model: "Any", saver: "Saver", family: str) -> "Any":
    backend = "tensorflow"
    if family.startswith("keras.src.callbacks.callback"):
        backend = sys.modules["keras"].backend.backend()
    if backend == "tensorflow":
        return Calls(model, saver)
    if backend == "torch":
        return Parameters(model, saver)
    complain("gradients, inputs and outputs", "they cannot be had from Keras on %s" % backend)
    return None


class Parameters:
    """PyTorch's gradients."""

    def __init__(self, model: "Any", saver: "Saver") -> None:
        self._model, self._saver = model, saver

    def begin(self, mode: str) -> None:
        """Nothing is to be prepared."""

    def end(self) -> None:
        if self._saver.mode == "TRAIN":
            for variable in self._model.trainable_weights:
                gradient = getattr(variable.value, "grad", None)
                name = gradient_name(variable)
                if gradient is not None and self._saver.wants(name, "gradients"):
                    self._saver.save(name, gradient.detach().cpu().numpy(), "gradients")


class Calls:
    """TensorFlow's function calls out."""

    def __init__(self, model: "Any", saver: "Saver") -> None:
        self._saver = saver
        self._tf = importlib.import_module("tensorflow")
        self._wanted = self._tf.Variable(False, trainable=False, name="clary_debugger_saves")
        if getattr(model, "jit_compile", None) is not False and hasattr(model, "jit_compile"):
            model.jit_compile = False
        self._watch_optimizer(model.optimizer)
        if hasattr(model, "compute_loss"):
            self._watch_loss(model)
        elif getattr(model, "compiled_loss", None) is not None:
            self._watch_step(model)

    def begin(self, mode: str) -> None:
        wanted = bool(self._saver.active) and any(
            each.name in KINDS + ("all",) or each.patterns for each in self._saver.active
        )
        if wanted != bool(self._wanted.numpy()):
            self._wanted.assign(wanted)

    def end(self) -> None:
        """All was saved as the step ran."""

    def _watch_optimizer(self, optimizer: "Any") -> None:
        original = optimizer.apply_gradients

        @functools.wraps(original)
        def apply_gradients(grads_and_vars: "Any", *args: "Any", **options: "Any") -> "Any":
            pairs = list(grads_and_vars)
            self._call_out([(gradient_name(variable), gradient) for gradient, variable in pairs], "gradients")
            return original(pairs, *args, **options)

        optimizer.apply_gradients = apply_gradients

    def _watch_loss(self, model: "Any") -> None:
        original = model.compute_loss

        @functools.wraps(original)
        def compute_loss(
            x: "Any" = None, y: "Any" = None, y_pred: "Any" = None, *args: "Any", **options: "Any"
        ) -> "Any":
            self._call_out(_numbered("inputs", x), "inputs")
            self._call_out(_numbered("labels", y) + _numbered("predictions", y_pred), "outputs")
            return original(x, y, y_pred, *args, **options)

        model.compute_loss = compute_loss

    def _watch_step(self, model: "Any") -> None:
        """Before Keras 2.9 a step computes its loss with an object that knows of outputs only."""
        losses = model.compiled_loss
        kind = type(losses)

        @functools.wraps(kind.__call__)
        def call(own: "Any", y: "Any", y_pred: "Any", *args: "Any", **options: "Any") -> "Any":
            self._call_out(_numbered("labels", y) + _numbered("predictions", y_pred), "outputs")
            return kind.__call__(own, y, y_pred, *args, **options)

        # A call is looked up on the class, which other models share: this object gets one of its own.
        losses.__class__ = type(kind.__name__, (kind,), {"__call__": call})
        for name in ("train_step", "test_step"):
            setattr(model, name, self._with_inputs(getattr(model, name)))

    def _with_inputs(self, step: "Any") -> "Any":
        @functools.wraps(step)
        def call(data: "Any") -> "Any":
            x = data[0] if isinstance(data, (list, tuple)) else data
            self._call_out(_numbered("inputs", x), "inputs")
            return step(data)

        return call

    @quiet
    def _call_out(self, named: "list[tuple[str, Any]]", kind: str) -> None:
        found = [(name, getattr(each, "values", each) if hasattr(each, "dense_shape") else each)
                 for name, each in named if each is not None and self._saver.collections_of(name, kind)]  # fmt: skip
        if not found:
            return
        names = [name for name, _ in found]
        tensors = [self._tf.convert_to_tensor(each) for _, each in found]

        def keep(*values: "Any") -> "Any":
            for name, value in zip(names, values):  # noqa: B905
                self._keep(name, value, kind)
            return 0

        self._tf.cond(
            self._wanted,
            lambda: self._tf.numpy_function(keep, tensors, self._tf.int64),
            lambda: self._tf.constant(0, self._tf.int64),
        )

    @quiet
    def _keep(self, name: str, value: "Any", kind: str) -> None:
        if self._saver.wants(name, kind):
            self._saver.save(name, value, kind)


def gradient_name(variable: "Any") -> str:
    return "gradients/%sGrad" % str(getattr(variable, "path", None) or variable.name).split(":")[0]


def _numbered(name: str, value: "Any") -> "list[tuple[str, Any]]":
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [("%s_%d" % (name, number), each) for number, each in enumerate(value)]
    return [(name, value)]
