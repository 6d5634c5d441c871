"""How an estimator's `distribution=` starts the program on each host: the SDK sends it as hyperparameters.

    torch_distributed, pytorchddp    torchrun: one process a GPU, or one; algo-1 is the meeting point
    multi_worker_mirrored_strategy   TF_CONFIG for TensorFlow's own strategy
    mpi                              mpirun on one host, where the environment has it

What AWS's own libraries do (smdistributed) and parameter servers are refused, with what to use instead.
"""

import json
import os
import shutil
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
        return mpirun(command, len(hosts), decoded, environ)
    return command


def program(command: "list[str]") -> "list[str]":
    """A Python command without its interpreter: `script.py ...` or `-m module ...`."""
    if command[:2] != [sys.executable, "-u"]:
        raise SourceError("A distributed job's entry point must be Python, not %s." % command[0])
    return command[2:]


def mpirun(
    command: "list[str]", hosts: int, decoded: "dict[str, object]", environ: "dict[str, str]"
) -> "list[str]":
    found = shutil.which("mpirun", path=environ.get("PATH"))
    if found is None:
        raise SourceError(
            "The job asks for MPI, but this machine has no mpirun: install Open MPI, or use "
            'distribution={"torch_distributed": {"enabled": True}}.'
        )
    if hosts > 1:
        raise SourceError("MPI over several hosts is not done here: give one host several processes.")
    processes = str(decoded.get("sagemaker_mpi_num_of_processes_per_host", 1))
    options = str(decoded.get("sagemaker_mpi_custom_mpi_options") or "").split()
    root = ["--allow-run-as-root"] if os.getuid() == 0 else []
    return [found, "--oversubscribe", "-np", processes] + root + options + command
