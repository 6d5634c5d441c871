"""The submitted source: an archive, unpacked within its folder, and the command that the job asks for."""

import os
import sys


class SourceError(Exception):
    """The program cannot be run; the message is for the user."""


def unpack(archive: str, folder: str) -> None:
    """Raises `SourceError` for what is no archive or would write outside of `folder`."""
    import tarfile

    os.makedirs(folder, exist_ok=True)
    options = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}
    try:
        with tarfile.open(archive) as tar:
            members = []
            for member in tar.getmembers():
                check(member.name, member.name)
                if member.issym():
                    check(member.name, os.path.join(os.path.dirname(member.name), member.linkname))
                elif member.islnk():
                    check(member.name, member.linkname)
                elif not (member.isfile() or member.isdir()):
                    continue
                member.uid, member.gid, member.uname, member.gname = os.getuid(), os.getgid(), "", ""
                member.mode = member.mode & 0o777 | (0o700 if member.isdir() else 0o600)
                members.append(member)
            tar.extractall(folder, members, **options)  # type: ignore[arg-type]
    except (tarfile.TarError, EOFError, OSError) as error:
        raise SourceError("The source archive cannot be unpacked: %s" % error) from None


def check(name: str, place: str) -> None:
    place = os.path.normpath(place)
    if os.path.isabs(place) or place.split(os.sep)[0] == os.pardir:
        raise SourceError("The source archive's member %s would leave the archive's folder." % name)


def command(folder: str, program: "str | None", arguments: "list[str]") -> "list[str]":
    """What to execute, in `folder`: a script, a package's module, a shell script, or any executable."""
    if not program:
        raise SourceError(
            "The job names no program: give the hyperparameter sagemaker_program (the estimator's "
            "entry_point), or a ContainerEntrypoint."
        )
    path = os.path.join(folder, program)
    module = program[:-3] if program.endswith(".py") else program
    if os.path.isfile(path):
        if program.endswith(".py"):
            return [sys.executable, "-u", program] + arguments
        if program.endswith(".sh"):
            return [shell(), program] + arguments
        os.chmod(path, os.stat(path).st_mode | 0o100)
        return [path] + arguments
    if os.path.isfile(os.path.join(folder, module, "__main__.py")):
        return [sys.executable, "-u", "-m", module] + arguments
    held = contents(folder)
    raise SourceError("The program %s is not in the source archive, which holds %s." % (program, held))


def shell() -> str:
    return "/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh"


def contents(folder: str, most: int = 20) -> str:
    """Its files, for a message."""
    found = []
    for place, _, names in os.walk(folder):
        found += [os.path.relpath(os.path.join(place, name), folder) for name in names]
    found.sort()
    more = len(found) - most
    return (", ".join(found[:most]) or "nothing") + (" and %d more" % more if more > 0 else "")
