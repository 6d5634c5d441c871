"""A container without a container runtime: bubblewrap's command for a spec, and whether it works here.

What the program sees: the spec's mounts; the system's programs and libraries, read-only; of /etc only what
name resolution, TLS and the dynamic linker need; /proc of its own processes; a minimal /dev with the GPUs;
/tmp and a home of its own on the disk, thrown away with the run. Of the network, the host's, unless the spec says none: jobs
call the server. It is user `clary` (1000), without capabilities, whoever the server is.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from clary.engines.ports import ContainerSpec, Mount

HOME = "/home/clary"
"""The program's home folder, in the sandbox and, translated, without."""
USER, UID = "clary", "1000"
SHARED_MEMORY = 0.5
"""Share of the machine's memory that /dev/shm may take."""
SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
ETC = (
    "resolv.conf", "host.conf", "gai.conf", "nsswitch.conf", "protocols", "services", "mime.types",
    "localtime", "timezone", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "ssl",
    "ca-certificates", "pki", "crypto-policies", "fonts", "OpenCL", "vulkan",
)  # fmt: skip
GPUS = ("nvidia*", "kfd", "dri")
PROBE_SECONDS = 10


def command(bwrap: str, spec: ContainerSpec) -> list[str]:
    """bubblewrap and its arguments, without the program. Makes the private folders in `run_dir`."""
    own = [
        Mount(private(spec.run_dir, "home"), HOME, writable=True),
        Mount(private(spec.run_dir, "tmp"), "/tmp", writable=True),
        Mount(private(spec.run_dir, "tmp"), "/var/tmp", writable=True),
        *accounts(spec),
    ]
    arguments = [bwrap, *isolation(), "--hostname", spec.hostname, *system()]
    if not spec.network:
        arguments.append("--unshare-net")
    for mount in [*own, *sorted(spec.mounts, key=lambda mount: mount.target.count("/"))]:
        arguments += ["--bind" if mount.writable else "--ro-bind", str(mount.source), mount.target]
    return [*arguments, "--remount-ro", "/", "--chdir", spec.cwd]


def isolation() -> list[str]:
    return [
        "--unshare-user", "--uid", UID, "--gid", UID, "--unshare-pid", "--unshare-ipc", "--unshare-uts",
        "--unshare-cgroup-try", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv",
    ]  # fmt: skip


def system() -> list[str]:
    arguments = ["--ro-bind", "/usr", "/usr"]
    for folder in map(Path, SYSTEM):
        if folder.is_symlink():
            arguments += ["--symlink", str(folder.readlink()), str(folder)]
        elif folder.is_dir():
            arguments += ["--ro-bind", str(folder), str(folder)]
    for name in ETC:
        arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    arguments += ["--proc", "/proc", "--dev", "/dev", "--ro-bind-try", "/sys", "/sys", "--dir", "/run"]
    if sized_tmpfs():
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        arguments += ["--size", str(int(memory * SHARED_MEMORY))]
    arguments += ["--tmpfs", "/dev/shm"]
    for pattern in GPUS:
        for device in sorted(Path("/dev").glob(pattern)):
            arguments += ["--dev-bind", str(device), str(device)]
    return arguments


def accounts(spec: ContainerSpec) -> list[Mount]:
    """/etc/passwd, group and hosts as this program should see them."""
    contents = {
        "passwd": f"root:x:0:0:root:/root:/bin/sh\n{USER}:x:{UID}:{UID}:{USER}:{HOME}:/bin/sh\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
        "group": f"root:x:0:\n{USER}:x:{UID}:\nnogroup:x:65534:\n",
        "hosts": hosts(spec),
    }
    folder = private(spec.run_dir, "etc")
    for name, text in contents.items():
        (folder / name).write_text(text)
    return [Mount(folder / name, f"/etc/{name}") for name in contents]


def hosts(spec: ContainerSpec) -> str:
    own = "" if spec.hostname in spec.hosts else f" {spec.hostname}"
    others = "".join(f"{address} {name}\n" for name, address in spec.hosts.items())
    return f"127.0.0.1 localhost{own}\n::1 localhost ip6-localhost ip6-loopback\n{others}"


def private(run_dir: Path, name: str) -> Path:
    folder = run_dir / name
    folder.mkdir(exist_ok=True)
    return folder


@functools.cache
def sized_tmpfs() -> bool:
    """`--size` came with bubblewrap 0.6."""
    return "--size" in subprocess.run(["bwrap", "--help"], capture_output=True, text=True, check=False).stdout


@dataclass(frozen=True, slots=True)
class Report:
    """For `clary doctor`."""

    bwrap: str | None
    """The bubblewrap that works here; None: jobs run as plain processes."""
    reason: str
    """What was found, in a sentence."""
    advice: str = ""
    """How to get a sandbox."""


@functools.cache
def sandbox_report() -> Report:
    """Tried once per process, with the real thing: the same namespaces and mounts that a job gets."""
    found = shutil.which("bwrap")
    if found is None:
        return Report(
            None,
            "bubblewrap (bwrap) is not installed: jobs are plain processes and see all that this user sees.",
            "Install the package `bubblewrap` (apt, dnf, pacman, zypper and apk all have it).",
        )
    trial = [found, *isolation(), *system(), "--remount-ro", "/", "/usr/bin/env", "true"]
    try:
        done = subprocess.run(trial, capture_output=True, timeout=PROBE_SECONDS, check=False, env={})
    except (OSError, subprocess.TimeoutExpired) as error:
        return Report(None, f"{found} does not run: {error}.", advice(""))
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip() or f"exit code {done.returncode}"
        return Report(None, f"{found} cannot make a sandbox here: {said}", advice(said))
    return Report(found, f"Jobs run in a bubblewrap sandbox ({found}).")


def advice(said: str) -> str:
    restricted = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
    if restricted.exists() and restricted.read_text().strip() == "1":
        return (
            "AppArmor keeps user namespaces from programs without a profile: add one for bwrap with "
            "`userns,`, or set kernel.apparmor_restrict_unprivileged_userns=0."
        )
    switch = Path("/proc/sys/kernel/unprivileged_userns_clone")
    if switch.exists() and switch.read_text().strip() == "0":
        return "Set kernel.unprivileged_userns_clone=1 to allow user namespaces."
    if "proc" in said:
        return "A container must not mask /proc: run it with `--security-opt systempaths=unconfined`."
    return (
        "The kernel must allow user namespaces; in a container that needs `--security-opt "
        "seccomp=unconfined`, or `--privileged`."
    )
