"""Run by the Python that has smdebug: `python real.py write|read FOLDER [...]`.

write   what smdebug's own hook and writers save of the tensors in `tensors.npz` of the folder above
read    what smdebug's trial tells of a folder, as JSON
"""

import json
import sys
from pathlib import Path

import numpy as np

TIME = 1700000000.25


def write(folder: str) -> None:
    """Each tensor in steps 0, 5 and 1005, in two modes and globally; one shape and one reduction."""
    from smdebug import modes  # type: ignore[import-not-found,unused-ignore]
    from smdebug.core.collection_manager import CollectionManager  # type: ignore[import-not-found,unused-ignore]
    from smdebug.core.writer import FileWriter  # type: ignore[import-not-found,unused-ignore]

    tensors = dict(np.load(Path(folder).parent / "tensors.npz"))
    manager = CollectionManager()
    manager.get("losses").include("loss")
    manager.get("losses").add_tensor_name("loss")
    manager.export(folder, "worker_0_collections.json")
    for step, mode, mode_step in ((0, "TRAIN", 0), (5, "EVAL", 2), (1005, "GLOBAL", 1005)):
        with FileWriter(folder, "worker_0", step=step) as writer:
            for name, value in tensors.items():
                writer.write_tensor(value, name, mode=modes[mode], mode_step=mode_step, timestamp=TIME)
            writer.write_shape("shaped", (4, 2), modes[mode], mode_step)
    Path(folder, "training_job_end.ts").touch()


def read(folder: str) -> None:
    from smdebug.trials import create_trial  # type: ignore[import-not-found,unused-ignore]

    trial = create_trial(folder)
    tensors = {}
    for name in sorted(set(trial.tensor_names()) - {"shaped"}):
        tensor = trial.tensor(name)
        values = {
            step: [str(value.dtype), np.array(value).astype(str).tolist()]
            for step, value in tensor.values().items()
        }
        tensors[name] = {
            "values": values,
            "modes": {mode.name: tensor.steps(mode=mode) for mode in trial.modes()},
        }
    told = {
        "tensors": tensors,
        "steps": trial.steps(),
        "modes": sorted(mode.name for mode in trial.modes()),
        "collections": {
            name: sorted(trial.tensor_names(collection=name)) for name in sorted(trial.collections())
        },
        "workers": trial.workers(),
        "ended": trial.loaded_all_steps,
    }
    print("TOLD " + json.dumps(told))


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](sys.argv[2])
