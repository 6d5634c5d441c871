"""smdebug's exceptions, by its names."""

from __future__ import annotations

from .modes import ModeKeys


class SMDebugError(Exception):
    pass


class SMDebugTypeError(SMDebugError, TypeError):
    pass


class SMDebugValueError(SMDebugError, ValueError):
    pass


class SMDebugRuntimeError(SMDebugError, RuntimeError):
    pass


class SMDebugNotImplementedError(SMDebugError, NotImplementedError):
    pass


class MissingCollectionFiles(SMDebugError):
    def __str__(self) -> str:
        return "Training job has ended. All the collection files could not be loaded"


class IndexReaderException(SMDebugError):
    pass


class StepNotYetAvailable(SMDebugError):
    def __init__(self, step: int, mode: ModeKeys) -> None:
        super().__init__(f"Step {step} of mode {mode.name} not yet available")
        self.step, self.mode = step, mode


class StepUnavailable(SMDebugError):
    def __init__(self, step: int, mode: ModeKeys) -> None:
        super().__init__(f"Step {step} of mode {mode.name} is not available as it was not saved")
        self.step, self.mode = step, mode


class NoMoreData(SMDebugError):
    def __init__(self, step: int, mode: ModeKeys, last_step: int) -> None:
        super().__init__(
            f"Looking for step {step} of mode {mode.name} and reached end of training. "
            f"Max step available is {last_step}"
        )
        self.step, self.mode, self.last_step = step, mode, last_step


class TensorUnavailable(SMDebugError):
    def __init__(self, tname: str) -> None:
        super().__init__(f"Tensor {tname} was not saved.")
        self.tname = tname


class TensorUnavailableForStep(SMDebugError):
    def __init__(
        self,
        tname: str,
        step: int,
        mode: ModeKeys = ModeKeys.GLOBAL,
        has_reductions: bool = False,
        why: str = "",
    ) -> None:
        message = f"Value for tensor {tname} is not available for step {step} with mode {mode.name}"
        message += f": {why}." if why else " as it was not saved."
        if has_reductions:
            message += (
                " This tensor has reductions saved for this step. You might want to query for the reductions."
            )
        super().__init__(message)
        self.tname, self.step, self.mode, self.has_reductions = tname, step, mode, has_reductions


class ShapeUnavailableForStep(SMDebugError):
    def __init__(self, tname: str, step: int, mode: ModeKeys = ModeKeys.GLOBAL) -> None:
        super().__init__(
            f"Shape for tensor {tname} is not available for step {step} with mode {mode.name} as it was not saved."
        )
        self.tname, self.step, self.mode = tname, step, mode


class InvalidWorker(SMDebugError):
    def __init__(self, worker: str) -> None:
        super().__init__(f"Invalid Worker: {worker}")
        self.worker = worker


class RuleEvaluationConditionMet(SMDebugError):
    def __init__(self, rule_name: str, step: int, end_of_rule: bool = False) -> None:
        super().__init__(
            f"Evaluation of the rule {rule_name} at step {step} resulted in the condition being met"
        )
        self.rule_name, self.step, self.end_of_rule = rule_name, step, end_of_rule
