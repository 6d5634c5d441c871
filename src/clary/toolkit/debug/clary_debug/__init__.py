"""The hook: saves what a job's DebugHookConfig asks for, without a change to the job's code.

    imports.py      waits for a framework's import, at no cost to programs that import none
    config.py       DebugHookConfig as collections, each with its steps and reductions; pure
    saver.py        steps and modes; what is to be saved now
    background.py   the thread that writes
    timeline.py     step times, where the job is profiled
    keras.py        Keras 3, Keras 2 and tf.keras, TensorFlow 1 and 2; keras_graph.py for what is inside a graph
    gradient_tape.py  loops of TensorFlow 2 without Keras's methods
    pytorch.py      loss modules and functions, modules, gradients, optimizers; data_loader.py
    boosting.py     XGBoost and LightGBM
    lent.py, smdebug/   smdebug's names for scripts that ask the hook themselves
    format/         smdebug's files

Errors here never reach the program: `quiet.py`. Standard library and the job's own NumPy, Python 3.6 on.
"""

import os

CONFIG = "input/config/debughookconfig.json"
"""Below the job's /opt/ml: what smdebug's own hooks read too."""

FRAMEWORKS = {
    "tensorflow.python.keras.engine.training": "keras",
    "keras.engine.training": "keras",
    "keras.src.engine.training": "keras",
    "keras.src.models.model": "keras",
    "tf_keras.src.engine.training": "keras",
    "tensorflow.python.eager.backprop": "gradient_tape",
    "torch._tensor": "pytorch",
    "torch.compiler": "pytorch",
    "torch.nn.functional": "pytorch",
    "torch.nn.modules.loss": "pytorch",
    "torch.optim.optimizer": "pytorch",
    "torch.utils.data.dataloader": "data_loader",
    "xgboost.training": "boosting",
    "lightgbm.engine": "boosting",
}
"""The module that changes it, by the module that is changed when it has been imported."""


def config_path() -> str:
    given = os.environ.get("SMDEBUG_CONFIG_FILE_PATH")
    return given or os.path.join(os.environ.get("CLARY_ML_ROOT", "/opt/ml"), CONFIG)


def install() -> None:
    if os.path.exists(config_path()):
        from . import imports, lent

        imports.watch(FRAMEWORKS)
        lent.lend()
