"""A warm interpreter: imports what a job is expected to import, then waits to be told which job to be.

    python -u warm.py FOLDER MODULE...

It is alone in the job's own sandbox, is used once, and has seen nothing of any job when it is told:

    FOLDER/wake         a FIFO; a byte in it says that there is an order
    FOLDER/order.json   {"argv", "env", "cwd", "interpreter"}; written whole, by rename

What is imported here is what a new interpreter would import too, under the same variables: `interpreter` says whether
they are the same. Where they are, and the order is a Python script of script mode, the script runs here as its
`__main__`; all else, and a script whose folder hides a module that is imported already, starts in a new interpreter.
Nobody waits for ever: without an order it ends after `IDLE` seconds. What imports print is printed when the job has
begun.
"""

import importlib
import json
import os
import select
import sys
import tempfile
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

IDLE = 3600


def main() -> None:
    folder, modules = sys.argv[1], sys.argv[2:]
    own = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != own]
    wake = os.open(os.path.join(folder, "wake"), os.O_RDWR)
    said = quietly(modules)
    order = wait(wake, os.path.join(folder, "order.json"))
    os.close(wake)
    if order is None:
        sys.exit(75)  # for nothing, which must not look like a job that is done
    replay(said)
    become(order, os.path.dirname(own))


def quietly(modules: "list[str]") -> bytes:
    """Import them; what is printed meanwhile, which a job's log has in one. What cannot be imported is for the job to
    find out."""
    output, errors = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 1)
        os.dup2(aside.fileno(), 2)
        for name in modules:
            try:
                importlib.import_module(name)
            except BaseException:
                continue
        os.dup2(output, 1)
        os.dup2(errors, 2)
        aside.seek(0)
        said = aside.read()
    os.close(output)
    os.close(errors)
    return said


def replay(said: bytes) -> None:
    while said:
        said = said[os.write(1, said) :]


def wait(wake: int, path: str) -> "dict[str, Any] | None":
    """The order; it may be there before the byte that tells of it."""
    while not os.path.exists(path):
        if not select.select([wake], [], [], IDLE)[0]:
            return None
        os.read(wake, 512)
    with open(path, encoding="utf-8") as file:
        return json.load(file)  # type: ignore[no-any-return]


def become(order: "dict[str, Any]", toolkits: str) -> None:
    """`toolkits`: the folder that the toolkit lies in."""
    argv, environ = order["argv"], order["env"]
    train = [sys.executable, "-I", "-S", os.path.join(toolkits, "toolkit", "train.py")]
    if order["interpreter"] and argv == train:
        before = os.environ.get("PYTHONPATH", "")
        command, folder = prepared(environ, toolkits)
        if runs_here(command, folder):
            run(command[2:], folder, environ, before)
            return
    else:
        command, folder = argv, order["cwd"]
    os.chdir(folder)
    environ["PWD"] = folder
    os.execvpe(command[0], command, environ)


def prepared(environ: "dict[str, str]", toolkits: str) -> "tuple[list[str], str]":
    """As `train.py`, which is no module of the program's: it leaves again."""
    sys.path.insert(0, toolkits)
    try:
        return importlib.import_module("toolkit.train").prepared(environ)  # type: ignore[no-any-return]
    finally:
        sys.path.remove(toolkits)
        for name in [name for name in sys.modules if name.partition(".")[0] == "toolkit"]:
            del sys.modules[name]


def runs_here(command: "list[str]", folder: str) -> bool:
    """Whether it is a script, whose own modules are not imported yet under their names."""
    if command[:2] != [sys.executable, "-u"] or not command[2].endswith(".py"):
        return False
    imported = {name.partition(".")[0] for name in sys.modules} - {"__main__"}
    return not any(name.partition(".")[0] in imported for name in os.listdir(folder)) and not any(
        os.path.exists(os.path.join(folder, name)) for name in ("sitecustomize.py", "usercustomize.py")
    )


def run(command: "list[str]", folder: str, environ: "dict[str, str]", before: str) -> None:
    """`python -u SCRIPT ARGUMENT...` in this interpreter. `before`: the PYTHONPATH that it was started with."""
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    path = os.path.join(folder, command[0])
    dropped = before.split(os.pathsep)
    added = [os.path.dirname(path), *environ["PYTHONPATH"].split(os.pathsep)]
    sys.path[:] = [*added, *(each for each in sys.path if each not in dropped)]
    sys.argv[:] = command
    module = types.ModuleType("__main__")
    module.__dict__.update(__file__=path, __builtins__=sys.modules["builtins"], __cached__=None)
    sys.modules["__main__"] = module
    try:
        with open(path, "rb") as file:
            code = compile(file.read(), path, "exec", dont_inherit=True)
        exec(code, module.__dict__)
    except SystemExit:
        raise
    except BaseException as error:
        trace = error.__traceback__.tb_next if error.__traceback__ else None
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        sys.exit(1)


if __name__ == "__main__":
    main()
