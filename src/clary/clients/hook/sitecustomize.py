"""Python imports this at start, because `clary env` puts its folder first on PYTHONPATH.

It installs Clary's hook, then runs the `sitecustomize` that it hides, if there is one. It must never break a
program: an error here is silent unless CLARY_DEBUG is set. The syntax is that of any Python, 2 included, as
whatever Python the user starts reads this file.
"""

import sys

if sys.version_info >= (3, 6):  # noqa: UP036
    try:
        import clary_hook  # type: ignore[import-not-found,unused-ignore]

        clary_hook.install()
    except Exception as error:
        import os

        if os.environ.get("CLARY_DEBUG"):
            sys.stderr.write("clary: the hook stays out of the way: %r\n" % (error,))  # noqa: UP031

    # Outside the guard: an error in the user's own sitecustomize is reported by Python as it always was.
    from clary_hook import chain  # type: ignore[import-not-found,unused-ignore]

    chain.run_hidden()
