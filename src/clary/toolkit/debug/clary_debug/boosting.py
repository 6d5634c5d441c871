"""XGBoost and LightGBM: a callback that `train` gets, and so the scikit-learn classes do too.

As smdebug's XGBoost hook does: a step is a boosting round, of mode GLOBAL, every tenth is saved, and metrics are
named `validation-rmse`. Further calls of `train` in one program go on counting.
"""

import functools
import inspect

from . import saver as savers
from .quiet import complain, quiet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

COLLECTIONS = {
    "all": [], "default": [], "hyperparameters": ["^hyperparameters/.*$"], "metrics": ["^[^/]+-[^/]+$"],
    "losses": ["^[^/]+-[^/]+(?<!(auc|map))$"], "predictions": ["^predictions$"], "labels": ["^labels$"],
    "feature_importance": ["^feature_importance/.*"], "average_shap": ["^average_shap/.*[^/bias]$"],
    "full_shap": ["^full_shap/.*[^/bias]$"], "trees": ["^trees/.*"],
}  # type: dict[str, list[str]]  # fmt: skip
DEFAULT = ("metrics",)
INTERVAL = 10
IMPORTANCE = ("weight", "gain", "cover", "total_gain", "total_cover")

_hooks = {}  # type: dict[str, Hook | None]


def change(module: "Any") -> None:
    """`module` has the function `train`."""
    library = module.__name__.split(".")[0]
    module.train = _with_callback(module.train, library)


def _with_callback(train: "Callable[..., Any]", library: str) -> "Callable[..., Any]":
    signature = inspect.signature(train)

    @functools.wraps(train)
    def call(*args: "Any", **options: "Any") -> "Any":
        try:
            given = signature.bind(*args, **options)
            found = hook(library)
            if found is not None:
                found.training(given.arguments)
                given.arguments["callbacks"] = list(given.arguments.get("callbacks") or ()) + [
                    found.callback()
                ]
                args, options = given.args, given.kwargs
        except Exception as error:
            complain("adding a callback", error)
        return train(*args, **options)

    return call


def hook(library: str) -> "Hook | None":
    if library not in _hooks:
        saver = savers.open_saver(COLLECTIONS, DEFAULT, INTERVAL)
        _hooks[library] = KINDS[library](saver) if saver else None
    return _hooks[library]


def use(library: str, saver: savers.Saver) -> None:
    """A script's own hook takes the place of the one that came unasked."""
    _hooks[library] = KINDS[library](saver)


class Hook:
    def __init__(self, saver: savers.Saver) -> None:
        self.saver = saver
        self._base = 0
        """Rounds of earlier trainings."""
        self.parameters = {}  # type: dict[str, Any]
        self.data = self.validation = None  # type: Any

    def training(self, arguments: "dict[str, Any]") -> None:
        """A training begins, with these arguments."""
        self._base = self.saver.step + 1
        self.parameters = dict(arguments.get("params") or {})

    def callback(self) -> "Any":
        raise NotImplementedError

    @quiet
    def round(self, number: int, metrics: "Iterable[tuple[str, Any]]", model: "Any") -> None:
        if self.saver.begin("GLOBAL", self._base + number):
            for name, value in metrics:
                kind = "metrics" if self.saver.is_active("metrics") else "losses"
                self.saver.save(name, value, kind)
            if self.saver.is_active("hyperparameters"):
                for name, value in self.parameters.items():
                    self.saver.save("hyperparameters/" + name, value if value is not None else "None")
            self.more(model)
        self.saver.close()

    def more(self, model: "Any") -> None:
        """What only one library has."""


class XGBoost(Hook):
    def training(self, arguments: "dict[str, Any]") -> None:
        super().training(arguments)
        self.data = arguments.get("dtrain")
        evals = [data for data, _ in arguments.get("evals") or () if data is not self.data]
        self.validation = evals[0] if evals else None

    def callback(self) -> "Any":
        import xgboost

        base = getattr(getattr(xgboost, "callback", None), "TrainingCallback", None)
        if base is None:  # before 1.3
            return lambda env: self.round(env.iteration, env.evaluation_result_list, env.model)
        hook = self

        class Callback(base):  # type: ignore[misc,valid-type]
            def after_iteration(self, model: "Any", epoch: int, evals_log: "Any") -> bool:
                metrics = [
                    ("%s-%s" % (data, metric), values[-1][0] if isinstance(values[-1], tuple) else values[-1])
                    for data, metrics in evals_log.items() for metric, values in metrics.items()
                ]  # fmt: skip
                hook.round(epoch, metrics, model)
                return False

        return Callback()

    def more(self, model: "Any") -> None:
        active = self.saver.is_active
        if active("feature_importance"):
            for kind in IMPORTANCE:
                scores = model.get_score(importance_type=kind)
                total = sum(scores.values())
                for feature, score in scores.items():
                    self.saver.save(
                        "feature_importance/%s/%s" % (kind, feature), score / total if total else 0.0
                    )
        if self.validation is not None and active("predictions"):
            self.saver.save("predictions", model.predict(self.validation))
        if self.validation is not None and active("labels"):
            self.saver.save("labels", self.validation.get_label())
        if self.data is not None and active("average_shap", "full_shap"):
            self._shap(model)
        if active("trees"):
            for column, values in model.trees_to_dataframe().items():
                self.saver.save("trees/%s" % column, values.to_numpy())

    def _shap(self, model: "Any") -> None:
        values = model.predict(self.data, pred_contribs=True)
        names = list(self.data.feature_names or ["f%d" % n for n in range(values.shape[-1] - 1)]) + ["bias"]
        average = values.mean(axis=tuple(range(values.ndim - 1)))
        for number, name in enumerate(names):
            self.saver.save("average_shap/" + name, average[number])
            self.saver.save("full_shap/" + name, values)


class LightGBM(Hook):
    def callback(self) -> "Any":
        def after(env: "Any") -> None:
            metrics = [("%s-%s" % each[:2], each[2]) for each in env.evaluation_result_list or ()]
            self.round(env.iteration, metrics, env.model)

        after.order = 15  # type: ignore[attr-defined] # before early stopping, which ends the round
        return after

    def more(self, model: "Any") -> None:
        if self.saver.is_active("feature_importance") and hasattr(model, "feature_importance"):
            names = model.feature_name()
            for kind in ("split", "gain"):
                scores = model.feature_importance(importance_type=kind)
                total = scores.sum()
                for name, score in zip(names, scores):  # noqa: B905
                    self.saver.save(
                        "feature_importance/%s/%s" % (kind, name), score / total if total else 0.0
                    )


KINDS = {"xgboost": XGBoost, "lightgbm": LightGBM}
"""By the library."""
