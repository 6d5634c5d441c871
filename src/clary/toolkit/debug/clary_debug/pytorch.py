"""PyTorch: losses as they are computed; with a configuration that asks, parameters, gradients, inputs and outputs.

As smdebug's hook does: the network is the first module that is called (loss modules aside), a step is a call of
it; names are `CrossEntropyLoss_output_0`, `Net_conv.weight`, `gradient/Net_conv.weight`, `conv_input_0`. A step
is of mode TRAIN or EVAL as the network is. Functions are as good as modules: `F.cross_entropy` is saved as
`CrossEntropyLoss`. Where a step computed no loss that is known, the number that `backward` is called on is saved as
`backward_loss_output_0`. Only loss modules and functions are wrapped, and the network's call, so that a step costs
few calls more, which look first whether it is saved. Nothing is hung on a module itself: whole modules are pickled
(`torch.save(model)`) and copied.
"""

import functools
import sys

from . import saver as savers
from .quiet import quiet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

COLLECTIONS = {
    "all": [], "default": [], "weights": ["^(?!gradient|optimizer).*weight"],
    "biases": ["^(?!gradient|optimizer).*bias"],
    "gradients": ["^gradient"], "losses": ["[Ll]oss_(?!input).*output"], "inputs": [], "outputs": [],
    "optimizer_variables": [],
}  # type: dict[str, list[str]]  # fmt: skip
DEFAULT = ("losses",)
FUNCTIONS = {
    "binary_cross_entropy": "BCELoss", "binary_cross_entropy_with_logits": "BCEWithLogitsLoss",
    "cosine_embedding_loss": "CosineEmbeddingLoss", "cross_entropy": "CrossEntropyLoss", "ctc_loss": "CTCLoss",
    "gaussian_nll_loss": "GaussianNLLLoss", "hinge_embedding_loss": "HingeEmbeddingLoss",
    "huber_loss": "HuberLoss", "kl_div": "KLDivLoss", "l1_loss": "L1Loss",
    "margin_ranking_loss": "MarginRankingLoss", "mse_loss": "MSELoss",
    "multilabel_margin_loss": "MultiLabelMarginLoss",
    "multilabel_soft_margin_loss": "MultiLabelSoftMarginLoss", "multi_margin_loss": "MultiMarginLoss",
    "nll_loss": "NLLLoss", "poisson_nll_loss": "PoissonNLLLoss", "smooth_l1_loss": "SmoothL1Loss",
    "soft_margin_loss": "SoftMarginLoss", "triplet_margin_loss": "TripletMarginLoss",
}  # fmt: skip
"""By function, the module that does the same."""

_hook = None  # type: Hook | None
_losses = set()  # type: set[type]
"""Modules that a script says compute a loss."""
_is_compiling = bool  # type: Callable[[], bool]
"""PyTorch's own, where it has one."""


def change(module: "Any") -> None:
    name = module.__name__
    if name == "torch.nn.functional":
        for function, loss in FUNCTIONS.items():
            if hasattr(module, function):
                setattr(module, function, _observed(getattr(module, function), loss))
    elif name == "torch.nn.modules.loss":
        # `_Loss` has no call of its own; `Module`'s stays as it is but until the network is found.
        module._Loss.__call__ = _observed(module._Loss.__call__)
        _find_network(sys.modules["torch.nn.modules.module"].Module, module._Loss)
    elif name == "torch._tensor":
        module.Tensor.backward = _observed_backward(module.Tensor.backward)
    elif name == "torch.optim.optimizer" and hasattr(module, "register_optimizer_step_post_hook"):
        module.register_optimizer_step_post_hook(_after_optimizer)
    elif name == "torch.compiler":
        global _is_compiling
        _is_compiling = getattr(module, "is_compiling", bool)


def hook() -> "Hook | None":
    global _hook
    if _hook is None:
        saver = savers.open_saver(COLLECTIONS, DEFAULT)
        _hook = Hook(saver) if saver else None
    return _hook


def use(saver: savers.Saver) -> None:
    """A script's own hook takes the place of the one that came unasked, and keeps its network."""
    global _hook
    before, _hook = _hook, Hook(saver)
    if before is not None and before.network is not None:
        network, before.network = before.network, None
        _hook.attach(network)


class Hook:
    def __init__(self, saver: savers.Saver) -> None:
        self.saver = saver
        self.network = None  # type: Any
        self.computing = 0
        """Losses being computed, one within another."""
        self.has_loss = False
        """A loss was seen in this step."""
        self._counts = {}  # type: dict[str, int]
        """Tensors of one name in this step."""
        self._ranked = False
        self.mode = ""
        """What the script says, if it does."""

    @quiet
    def attach(self, network: "Any") -> None:
        self.network = network
        _call_before(type(network), self)
        network = getattr(network, "_orig_mod", network)  # what `torch.compile` was given
        name = type(network).__name__
        if self.saver.config.asks("gradients"):
            for parameter_name, parameter in network.named_parameters():
                if parameter.requires_grad:
                    parameter.register_hook(self._gradient("gradient/%s_%s" % (name, parameter_name)))
        if self.saver.config.asks("inputs", "outputs"):
            paths = {id(module): path or name for path, module in network.named_modules()}
            register = getattr(sys.modules["torch.nn.modules.module"], "register_module_forward_hook", None)
            if register is not None:
                register(self._around(paths))
            else:  # before 1.7; such a network cannot be pickled whole
                for module in network.modules():
                    module.register_forward_hook(self._around(paths))

    @quiet
    def before(self, network: "Any") -> None:
        if not self._ranked:
            self._rank()
        self._counts = {}
        self.has_loss = False
        saves = self.saver.begin(self.mode or ("TRAIN" if network.training else "EVAL"))
        if saves and self.saver.config.asks("weights", "biases"):
            network = getattr(network, "_orig_mod", network)
            name = type(network).__name__
            for parameter_name, parameter in network.named_parameters():
                full = "%s_%s" % (name, parameter_name)
                if self.saver.wants(full):
                    self.saver.save(full, array(parameter))

    @quiet
    def output(self, name: str, value: "Any", kind: str = "", role: str = "output") -> None:
        for each in value if isinstance(value, (tuple, list)) else (value,):
            if hasattr(each, "detach"):
                base = "%s_%s" % (name, role)
                number = self._counts.get(base, 0)
                self._counts[base] = number + 1
                full = "%s_%d" % (base, number)
                if self.saver.wants(full, kind):
                    self.saver.save(full, array(each), kind)

    def observe(self, name: str, loss: "Callable[..., Any]", args: "Any", options: "Any") -> "Any":
        """Compute a loss and save it; not those that it is made of."""
        self.computing += 1
        try:
            value = loss(*args, **options)
        finally:
            self.computing -= 1
        if self.computing == 0:
            self.has_loss = True
            self.output(name, value, "losses")
        return value

    @quiet
    def derived(self, value: "Any") -> None:
        """`backward` is called on it, which is all that is seen of a step where compiled code calls the network."""
        if self.network is None:
            self._counts = {}
            self.saver.begin(self.mode or "TRAIN")
        if self.saver.active and not self.has_loss and value.numel() == 1:
            self.output("backward_loss", value, "losses")

    @quiet
    def optimizer(self, optimizer: "Any") -> None:
        if not self.saver.is_active("optimizer_variables", "all") or self.network is None:
            return
        names = {id(parameter): name for name, parameter in self.network.named_parameters()}
        for parameter, state in optimizer.state.items():
            for key, value in state.items():
                if hasattr(value, "detach") and id(parameter) in names:
                    name = "optimizer/%s/%s" % (key, names[id(parameter)])
                    self.saver.save(name, array(value), "optimizer_variables")

    def _gradient(self, name: str) -> "Callable[[Any], None]":
        @quiet
        def keep(gradient: "Any") -> None:
            if self.saver.active and gradient is not None and self.saver.wants(name):
                self.saver.save(name, array(gradient))

        return keep

    def _around(self, paths: "dict[int, str]") -> "Callable[..., None]":
        """`paths`: of the network's modules, by their ids."""

        def keep(module: "Any", inputs: "Any", outputs: "Any") -> None:
            path = None if _is_compiling() else paths.get(id(module))
            if path is not None and self.saver.active:
                is_network = module is self.network
                self.output(path, inputs, "inputs" if is_network else "", "input")
                self.output(path, outputs, "outputs" if is_network else "")

        return keep

    def _rank(self) -> None:
        self._ranked = True
        distributed = sys.modules.get("torch.distributed")
        if distributed is not None and getattr(distributed, "is_initialized", bool)():
            self.saver.set_rank(distributed.get_rank(), distributed.get_world_size())


def _find_network(base: "Any", loss: "Any") -> None:
    """The first module called, but for losses."""
    original = base.__call__

    def call(self: "Any", *args: "Any", **options: "Any") -> "Any":
        if not _is_compiling() and not isinstance(self, loss):
            base.__call__ = original
            if not _is_keras(self):
                _attach(self)
        return original(self, *args, **options)

    base.__call__ = call


def _call_before(kind: "Any", found: Hook) -> None:
    """Have `found.before` called before the network of this class is. Not a forward hook: those are the module's
    own, and are pickled and copied with it."""
    own = kind.__dict__.get("__call__")

    def call(self: "Any", *args: "Any", **options: "Any") -> "Any":
        if not _is_compiling() and self is found.network:
            found.before(self)
        return own(self, *args, **options) if own else super(kind, self).__call__(*args, **options)

    kind.__call__ = call


def _is_keras(module: "Any") -> bool:
    """Keras 3 on PyTorch has a hook of its own."""
    return any(each.__module__.startswith("keras.") for each in type(module).__mro__)


@quiet
def _attach(network: "Any") -> None:
    """The network's first call has begun."""
    found = hook()
    if found is not None and found.network is None:
        found.attach(network)
        found.before(network)


def observe_loss(module: "Any") -> None:
    """A loss module that is none of PyTorch's: what it returns is saved."""
    kind = type(module)
    if not isinstance(module, sys.modules["torch.nn.modules.loss"]._Loss) and kind not in _losses:
        _losses.add(kind)
        kind.__call__ = _observed(kind.__call__)


def _observed(original: "Callable[..., Any]", name: str = "") -> "Callable[..., Any]":
    """`original` computes a loss of this name, or is the call of a module that does."""

    @functools.wraps(original)
    def call(*args: "Any", **options: "Any") -> "Any":
        found = _hook
        if found is None or _is_compiling() or not found.saver.active or found.network is None:
            return original(*args, **options)
        return found.observe(name or type(args[0]).__name__, original, args, options)

    # TorchScript compiles what is meant, not this.
    call.__prepare_scriptable__ = lambda: original  # type: ignore[attr-defined]
    return call


def _observed_backward(original: "Callable[..., Any]") -> "Callable[..., Any]":
    @functools.wraps(original)
    def backward(self: "Any", *args: "Any", **options: "Any") -> "Any":
        found = _hook or hook()
        if found is not None and not _is_compiling() and (found.saver.active or found.network is None):
            found.derived(self)
        return original(self, *args, **options)

    return backward


def _after_optimizer(optimizer: "Any", *_: "Any") -> None:
    if _hook is not None and _hook.saver.active:
        _hook.optimizer(optimizer)


def as_numpy(value: "Any") -> "Any":
    return array(value) if hasattr(value, "detach") else value


def array(tensor: "Any") -> "Any":
    tensor = tensor.detach().cpu()
    try:
        return tensor.numpy()
    except TypeError:  # bfloat16, which NumPy lacks
        return tensor.float().numpy()
