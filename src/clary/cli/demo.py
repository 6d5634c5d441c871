"""`clary demo`: one command from an empty home to a table, a bar plot and curves."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from clary.cli.connect import aws_client
from clary.cli.options import home_option, load_settings
from clary.images.ports import Environment, EnvironmentSpec, ImageError, Images

CLIENT = EnvironmentSpec(
    family="demo-client",
    version="1",
    python=("3.11", "3.12", "3.10"),
    requirements=(
        "sagemaker==2.257.7",
        "sagemaker-experiments==0.1.45",
        "pandas<3",
        "matplotlib<4",
        "scikit-learn<2",
        "setuptools<81",  # smexperiments imports pkg_resources
    ),
)
"""What a user of the SageMaker SDK v2 has installed."""

QUIET = {"PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "ignore", "SAGEMAKER_SUPPRESS_V2_WARNING": "1"}
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
ENDED = {"Completed", "Failed", "Stopped"}


@click.command()
@home_option
@click.option(
    "--port", type=int, help="Port for the server, where none of this home runs yet; 0 takes a free one."
)
@click.option("--epochs", default=25, show_default=True, help="Epochs per trial.")
@click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path), default=Path("demo-output"), show_default=True,
    help="Folder for the table and the plots.",
)  # fmt: skip
def demo(home: Path | None, port: int | None, epochs: int, output: Path) -> None:
    """Train a sweep of eight models with unchanged SageMaker code, and show what comes of it."""
    from clary.app import environments
    from clary.clients import environment
    from clary.clients.server import serving

    settings = load_settings(home, port=port)
    program = example("sweep.py")
    console = Console()
    console.rule("[bold]Clary: a sweep on your own machine")
    images = environments(settings)
    client = build(console, images, "the SageMaker SDK, as a user has it", CLIENT)
    build(console, images, "the scikit-learn image", images.resolve(IMAGE))
    with serving(settings.home, port) as connection:
        console.print(f"Clary serves on {connection.url}; its home is {settings.home}\n")
        variables = environment(
            connection.url, connection.access_key, connection.secret_key, connection.region, os.environ
        )
        argv = [str(client.python), str(program), "--epochs", str(epochs), "--output", str(output)]
        code = watch(console, argv, {**os.environ, **variables}, settings.home)
    if code:
        raise click.ClickException(f"{program.name} ended with exit code {code}.")
    clary = sys.argv[0] if Path(sys.argv[0]).name == "clary" else f"{sys.executable} -m clary"
    run = f"{clary} run --home {settings.home} --"
    console.rule("[bold]What to try next")
    console.print(
        f"Look at [bold]{output}/bars.png[/] and [bold]{output}/curves.png[/], then change {program}:"
    )
    console.print(f"  {run} {client.python} {program}", highlight=False, soft_wrap=True)
    console.print("Run your own SageMaker code, unchanged:")
    console.print(f"  {run} python your_notebook.py", highlight=False, soft_wrap=True)
    console.print("Or keep a server up, and point a shell or a notebook at it:")
    console.print(f"  {clary} serve --home {settings.home}", highlight=False, soft_wrap=True)
    console.print(f'  eval "$({clary} env --home {settings.home})"', highlight=False, soft_wrap=True)


def example(name: str) -> Path:
    """A program of `examples/`, in a checkout or in the installed package."""
    package = Path(__file__).parents[1]
    for folder in (package / "examples", package.parents[1] / "examples"):
        if (folder / name).is_file():
            return folder / name
    raise click.ClickException(f"The example {name} is not installed.")


def build(console: Console, images: Images, what: str, spec: EnvironmentSpec) -> Environment:
    ready = images.ready(spec)
    if ready is not None:
        return ready
    with console.status(f"Preparing {what}") as status:
        started = time.monotonic()
        try:
            built = images.build(spec, lambda line: status.update(f"Preparing {what}: {line}"))
        except ImageError as error:
            raise click.ClickException(str(error)) from error
    console.print(f"Prepared {what} in {time.monotonic() - started:.0f} s (kept for the next time)")
    return built


def watch(console: Console, argv: list[str], env: Mapping[str, str], home: Path) -> int:
    """Run the program, its output above a bar for each job that it starts. Its exit code."""
    columns = (
        SpinnerColumn(finished_text="[green]✓"), TextColumn("{task.description}"), BarColumn(bar_width=24),
        TextColumn("{task.fields[status]}"), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console) as progress:
        process = subprocess.Popen(argv, env={**env, **QUIET},
                                   stdout=subprocess.PIPE, text=True)  # fmt: skip
        with bars(progress, home):
            assert process.stdout is not None
            for line in process.stdout:
                console.print(line.rstrip("\n"), highlight=False, markup=False, soft_wrap=True)
            return process.wait()


@contextmanager
def bars(progress: Progress, home: Path) -> Iterator[None]:
    """A bar for each training job made from now on, from what the API says of it."""
    stop = threading.Event()
    since = time.time() - 1
    tasks: dict[str, Any] = {}

    def refresh(sagemaker: Any) -> None:
        found = sagemaker.list_training_jobs(
            CreationTimeAfter=since, SortBy="CreationTime", SortOrder="Ascending", MaxResults=100
        )
        for summary in found["TrainingJobSummaries"]:
            name = summary["TrainingJobName"]
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=1.0, status="Starting", start=False)
            task = progress.tasks[tasks[name]]
            if task.finished:
                continue
            job = sagemaker.describe_training_job(TrainingJobName=name)
            done, words = share(job)
            if words not in ("Starting", "Waiting for capacity") and task.start_time is None:
                progress.start_task(task.id)
            progress.update(task.id, completed=done, status=words)

    def loop() -> None:
        sagemaker = aws_client(home, "sagemaker")
        while not stop.wait(0.3):
            refresh(sagemaker)
        refresh(sagemaker)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def share(job: Mapping[str, Any]) -> tuple[float, str]:
    """How much of a job is done, and a word for where it is. Epochs count where its metrics tell them."""
    status = job["TrainingJobStatus"]
    if status in ENDED:
        final = {metric["MetricName"]: metric["Value"] for metric in job.get("FinalMetricDataList", ())}
        return 1.0, f"{status}, test_acc {final['test_acc']:.3f}" if "test_acc" in final else status
    secondary = job["SecondaryStatus"]
    if secondary == "Starting":
        return 0.0, job["SecondaryStatusTransitions"][-1].get("StatusMessage", secondary)
    metrics = {metric["MetricName"]: metric["Value"] for metric in job.get("FinalMetricDataList", ())}
    epochs = float(job.get("HyperParameters", {}).get("epochs", 0) or 0)
    if secondary == "Training" and epochs and "epoch" in metrics:
        return 0.95 * metrics["epoch"] / epochs, f"epoch {metrics['epoch']:.0f} of {epochs:.0f}"
    return {"Downloading": 0.05, "Training": 0.1, "Uploading": 0.98}.get(secondary, 0.1), secondary
