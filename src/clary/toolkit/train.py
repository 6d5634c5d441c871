"""Turns into the user's training program, as `train` does in AWS's script-mode images.

It replaces itself by the program, so the program's signals, exit code and output are its own. What keeps it
from that goes to ML/output/failure, where a job's FailureReason comes from, and to standard error.
"""

import os
import sys

if not __package__:  # run as a script, from a folder that only holds this package
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    __package__ = "toolkit"
    import toolkit  # type: ignore[import-not-found] # noqa: F401

from . import distributed, environment, source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> None:
    environ = dict(os.environ)
    command, code = prepared(environ)
    os.chdir(code)
    os.execve(command[0], command, environ)


def prepared(environ: "dict[str, str]") -> "tuple[list[str], str]":
    """The command that the job asks for, and the folder that it runs in, its source unpacked there; `environ` gets
    what the program is told. Exits where that cannot be."""
    ml = environ.get("CLARY_ML_ROOT", "/opt/ml")
    code, archive = os.path.join(ml, "code"), os.path.join(ml, "input", "source", "sourcedir.tar.gz")
    try:
        config = environment.read_config(ml)
        decoded = environment.decode(config["hyperparameters"])
        known = environment.training(ml, decoded, config, environ)
        environ.update(environment.variables(known, decoded, environ))
        environ["PYTHONPATH"] = os.pathsep.join(filter(None, [code, environ.get("PYTHONPATH")]))
        environ["PYTHONUNBUFFERED"] = "1"
        if os.path.exists(archive):
            source.unpack(archive, code)
        os.makedirs(code, exist_ok=True)
        arguments = environment.arguments(known["hyperparameters"])  # type: ignore[arg-type]
        command = source.command(code, environ["SM_USER_ENTRY_POINT"], arguments)
        command = distributed.launched(command, known, decoded, environ)
    except source.SourceError as error:
        fail(ml, str(error))
    environ["PWD"] = code
    return command, code


def fail(ml: str, message: str) -> "NoReturn":
    output = os.path.join(ml, "output")
    os.makedirs(output, exist_ok=True)
    with open(os.path.join(output, "failure"), "w", encoding="utf-8") as file:
        file.write(message)
    sys.stderr.write(message + "\n")
    sys.exit(1)


if __name__ == "__main__":
    main()
