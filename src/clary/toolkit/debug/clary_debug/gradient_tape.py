"""Loops of `tf.GradientTape`: each call of `gradient` with a number to derive is a step of mode TRAIN.

It saves what was derived as `loss`, and where the job asks for them the gradients and the variables derived by. As
in smdebug, loops that run eagerly: within `tf.function` a tape only draws the graph.
"""

import functools

from . import keras
from .keras_eager import gradient_name
from .quiet import quiet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def change(module: "Any") -> None:
    """`module` has the class GradientTape."""
    module.GradientTape.gradient = _observed(module.GradientTape.gradient)


def _observed(original: "Callable[..., Any]") -> "Callable[..., Any]":
    @functools.wraps(original)
    def gradient(self: "Any", target: "Any", sources: "Any", *args: "Any", **options: "Any") -> "Any":
        found = original(self, target, sources, *args, **options)
        if hasattr(target, "numpy") and not keras.is_running():
            _step(target, sources, found)
        return found

    return gradient


@quiet
def _step(target: "Any", sources: "Any", gradients: "Any") -> None:
    saver = keras.saver()
    if saver is None or not saver.begin("TRAIN"):
        return
    loss = target.numpy()
    if loss.size == 1:
        saver.save("loss", loss, "losses")
    if not isinstance(sources, (list, tuple)):
        sources, gradients = [sources], [gradients]
    for source, gradient in zip(sources, gradients):  # noqa: B905
        if not hasattr(source, "name"):
            continue
        name = keras.variable_name(source)
        kind = "biases" if "bias" in name else "weights"
        if saver.wants("weights/" + name, kind):
            saver.save("weights/" + name, keras.array(source), kind)
        name = gradient_name(source)
        if gradient is not None and saver.wants(name, "gradients"):
            value = getattr(gradient, "values", gradient) if hasattr(gradient, "dense_shape") else gradient
            saver.save(name, value.numpy(), "gradients")
