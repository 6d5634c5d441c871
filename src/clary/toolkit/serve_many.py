"""A worker's handler: one model, or the many of an endpoint with many, loaded as they are asked for.

    POST /models        X-Clary-Model: the folder of the model to load; answers the folders of those that are loaded
    POST /invocations   X-Clary-Model: of the model to use, which is loaded first if it is not

The models that were used last stay loaded, as many as the worker's memory has room for (CLARY_SERVE_MEMORY), or
CLARY_SERVE_MODELS of them. With CLARY_SERVE_CACHE=0 a model is forgotten after its request (ModelCacheSetting Disabled).
"""

import gc
import os
import sys
from collections import OrderedDict

from .serve_http import Refused, Request, resident
from .serve_script import Script

FULL = 0.8
"""Share of a worker's memory beyond which models make room."""


def load() -> "Script | ManyModels":
    ml = os.environ.get("CLARY_ML_ROOT", "/opt/ml")
    many = os.environ.get("CLARY_SERVE_MANY")
    if many:
        return ManyModels(many, os.path.join(ml, "code"))
    return Script(os.path.join(ml, "model"), os.path.join(ml, "code"))


class ManyModels:
    PATHS = ("/invocations", "/models")

    def __init__(self, folder: str, code_dir: str) -> None:
        self.folder, self.code_dir = folder, code_dir
        self.most = int(os.environ.get("CLARY_SERVE_MODELS") or 0)
        self.memory = int(os.environ.get("CLARY_SERVE_MEMORY") or 0)
        self.cached = os.environ.get("CLARY_SERVE_CACHE") != "0"
        self.loaded = OrderedDict()  # type: OrderedDict[str, Script]

    def __call__(self, request: Request) -> "tuple[int, str, object, dict[str, str]]":
        name = request.headers.get("x-clary-model")
        if not name:
            raise Refused(400, "Name a model: this endpoint has many (TargetModel).")
        script = self.script(name)
        if request.path.startswith("/models"):
            staying = list(self.loaded) if self.cached else []
            return 200, "text/plain", "\n".join(staying).encode("ascii"), {}
        if not self.cached:
            del self.loaded[name]
        return script(request)

    def script(self, name: str) -> Script:
        script = self.loaded.pop(name, None)
        if script is None:
            self.forget_modules()
            self.make_room(1)
            script = Script(os.path.join(self.folder, name, "model"), self.code_dir)
            self.make_room(0)
        self.loaded[name] = script
        return script

    def make_room(self, more: int) -> None:
        """For so many more: let those go that were not used for longest."""
        while self.loaded and (self.full() or (self.most and len(self.loaded) + more > self.most)):
            self.loaded.popitem(last=False)
            gc.collect()

    def full(self) -> bool:
        return bool(self.memory) and resident() > self.memory * FULL

    def forget_modules(self) -> None:
        """Each model has a script of its own, all of one name: the next import must find the next one."""
        for name, module in list(sys.modules.items()):
            if (getattr(module, "__file__", None) or "").startswith(self.folder + os.sep):
                del sys.modules[name]
        sys.path[:] = [entry for entry in sys.path if not entry.startswith(self.folder + os.sep)]
