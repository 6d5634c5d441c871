"""What smdebug's package has for scripts: modes, collections' names, and configurations of what is saved when.

    hook.py         what the hooks of all frameworks can be asked
    tensorflow.py, pytorch.py, xgboost.py   a framework's hook

Names, parameters and meanings are smdebug's (its documentation and sources were read for them).
"""

import enum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__version__ = "1.0.34+clary"


class ModeKeys(enum.Enum):
    TRAIN = 1
    EVAL = 2
    PREDICT = 3
    GLOBAL = 4


modes = ModeKeys


class CollectionKeys:
    DEFAULT, ALL, WEIGHTS, GRADIENTS, LOSSES = "default", "all", "weights", "gradients", "losses"
    BIASES, OPTIMIZER_VARIABLES, METRICS, INPUTS, OUTPUTS = (
        "biases",
        "optimizer_variables",
        "metrics",
        "inputs",
        "outputs",
    )
    LAYERS, SM_METRICS, HYPERPARAMETERS, PREDICTIONS, LABELS = (
        "layers",
        "sm_metrics",
        "hyperparameters",
        "predictions",
        "labels",
    )
    FEATURE_IMPORTANCE, AVERAGE_SHAP, FULL_SHAP, TREES = (
        "feature_importance",
        "average_shap",
        "full_shap",
        "trees",
    )


class SaveConfigMode:
    """In which steps of a mode; None: what the job says."""

    def __init__(
        self, save_interval: "int | None" = None, start_step: "int | None" = None, end_step: "int | None" = None,
        save_steps: "list[int] | None" = None,
    ) -> None:  # fmt: skip
        self.save_interval, self.start_step, self.end_step = save_interval, start_step, end_step
        self.save_steps = save_steps

    def parameters(self, prefix: str = "") -> "dict[str, str]":
        """As CollectionParameters."""
        found = {
            "save_interval": self.save_interval,
            "start_step": self.start_step,
            "end_step": self.end_step,
        }
        told = {prefix + name: str(value) for name, value in found.items() if value is not None}
        if self.save_steps:
            told[prefix + "save_steps"] = ",".join(str(step) for step in self.save_steps)
        return told


class SaveConfig:
    def __init__(
        self, mode_save_configs: "dict[ModeKeys, SaveConfigMode] | None" = None, save_interval: "int | None" = None,
        start_step: "int | None" = None, end_step: "int | None" = None, save_steps: "list[int] | None" = None,
    ) -> None:  # fmt: skip
        self.common = SaveConfigMode(save_interval, start_step, end_step, save_steps)
        self.by_mode = dict(mode_save_configs or {})

    def parameters(self) -> "dict[str, str]":
        told = self.common.parameters()
        for mode, config in self.by_mode.items():
            if config is not None:
                told.update(config.parameters(mode.name.lower() + "."))
        return told


class ReductionConfig:
    """Numbers that are saved in place of a tensor."""

    def __init__(
        self, reductions: "Any" = None, abs_reductions: "Any" = None, norms: "Any" = None, abs_norms: "Any" = None,
        save_raw_tensor: bool = False, save_shape: bool = False,
    ) -> None:  # fmt: skip
        self.names = list(reductions or ()) + ["abs_" + name for name in abs_reductions or ()]
        self.names += ["%s_norm" % name for name in norms or ()]
        self.names += ["abs_%s_norm" % name for name in abs_norms or ()]
        self.save_raw_tensor, self.save_shape = save_raw_tensor, save_shape

    def parameters(self) -> "dict[str, str]":
        told = {"reductions": ",".join(self.names)} if self.names else {}
        if self.save_raw_tensor:
            told["save_raw_tensor"] = "true"
        if self.save_shape:
            told["save_shape"] = "true"
        return told


class Collection:
    """Tensors that are saved alike. What is set on it counts from the next step on."""

    def __init__(self, saver: "Any", name: str) -> None:
        self._saver, self.name = saver, name

    def include(self, patterns: "Any") -> None:
        """Names that belong to it: a regular expression, or several."""
        for pattern in [patterns] if isinstance(patterns, str) else patterns:
            self._saver.change(self.name, {"include_regex": pattern})

    @property
    def include_regex(self) -> "list[str]":
        return list(self._saver.config.collections[self.name].patterns)

    @property
    def tensor_names(self) -> "set[str]":
        return set(self._saver.config.collections[self.name].names)

    def _saves(self, config: SaveConfig) -> None:
        self._saver.change(self.name, config.parameters())

    def _reduces(self, config: ReductionConfig) -> None:
        self._saver.change(self.name, config.parameters())

    save_config = property(None, _saves)
    reduction_config = property(None, _reduces)
