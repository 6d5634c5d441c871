"""Python imports this at the start of every program of a job that has a DebugHookConfig.

It watches for frameworks being imported, no more, then runs the `sitecustomize` that it hides. The syntax is
that of any Python, 2 included, as a job may start whatever it has.
"""

import os
import sys

if sys.version_info >= (3, 6):
    try:
        import clary_debug  # type: ignore[import-not-found,unused-ignore]

        clary_debug.install()
    except Exception as error:
        sys.stderr.write("clary debugger: it stays out of the way: %r\n" % (error,))


def _run_hidden():  # type: () -> None
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    here = os.path.dirname(os.path.realpath(__file__))
    spec = PathFinder.find_spec(
        "sitecustomize", [each for each in sys.path if os.path.realpath(each or ".") != here]
    )
    if spec is None or spec.loader is None:
        return
    sys.modules["sitecustomize"] = module = module_from_spec(spec)
    spec.loader.exec_module(module)


if sys.version_info >= (3, 6):
    _run_hidden()
