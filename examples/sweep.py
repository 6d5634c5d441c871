"""A sweep of eight trials: an ordinary SageMaker program. Nothing in it knows of Clary.

    clary run -- python examples/sweep.py            (or on AWS, with your own account, role and bill)

Hypothesis: a small neural network reads handwritten digits better than a linear model, at the cost of
time. The controlled factors are the model, its learning rate and its weight decay.
"""

import argparse
import itertools
import logging
import os
import re
import time

import boto3
import matplotlib
import pandas as pd
import sagemaker
import sagemaker.analytics
from sagemaker.sklearn import SKLearn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from smexperiments.experiment import Experiment
from smexperiments.tracker import Tracker
from smexperiments.trial import Trial

matplotlib.use("Agg")
import matplotlib.pyplot as plt

logging.getLogger("sagemaker").setLevel(logging.WARNING)
HERE = os.path.dirname(os.path.abspath(__file__))

arguments = argparse.ArgumentParser()
arguments.add_argument("--role", default="SageMakerRole", help="name or ARN of the role that jobs run as")
arguments.add_argument("--epochs", type=int, default=25)
arguments.add_argument("--output", default="sweep-output", help="folder for the table and the plots")
arguments = arguments.parse_args()
os.makedirs(arguments.output, exist_ok=True)

session = sagemaker.session.Session()
sm = boto3.client("sagemaker")
bucket = session.default_bucket()
stamp = int(time.time())

# Real data: 1,797 images of digits, 8 by 8 pixels, split once for all trials.
digits = load_digits(as_frame=True).frame
train, rest = train_test_split(digits, test_size=0.4, random_state=0, stratify=digits["target"])
validation, test = train_test_split(rest, test_size=0.5, random_state=0, stratify=rest["target"])
local = os.path.join(arguments.output, "digits")
os.makedirs(local, exist_ok=True)
for name, part in [("train", train), ("validation", validation), ("test", test)]:
    part.to_csv(os.path.join(local, name + ".csv"), index=False)
dataset = session.upload_data(path=local, key_prefix="datasets/digits")
print("Data:", dataset)

experiment = Experiment.create(
    experiment_name=f"digits-{stamp}",
    description="A small neural network reads digits better than a linear model.",
    sagemaker_boto_client=sm,
)
print("Experiment:", experiment.experiment_name)

factors = {"model": ["mlp", "linear"], "learning-rate": [0.001, 0.01], "weight-decay": [0.0001, 0.1]}
common = {"epochs": arguments.epochs, "batch-size": 32, "seed": 0}

# What all trials share, kept once and associated with each of them.
with Tracker.create(
    display_name="experiment-metadata",
    artifact_bucket=bucket,
    artifact_prefix=experiment.experiment_name,
    sagemaker_boto_client=sm,
) as shared:
    shared.log_input(name="digits", media_type="s3/uri", value=dataset)
    shared.log_parameters(common)
    shared.log_artifact(file_path=os.path.join(HERE, "sweep", "train.py"))

metrics = [
    {"Name": "epoch", "Regex": r"epoch ([0-9]+)/"},
    {"Name": "loss", "Regex": r"train_loss: ([0-9\.]+)"},
    {"Name": "val_acc", "Regex": r"val_acc: ([0-9\.]+)"},
    {"Name": "test_acc", "Regex": r"test_acc: ([0-9\.]+)"},
]

jobs = []
for values in itertools.product(*factors.values()):
    factor = dict(zip(factors, values))
    label = "-".join(str(value) for value in values).replace(".", "")
    trial = Trial.create(
        trial_name=f"trial-{label}-{stamp}",
        experiment_name=experiment.experiment_name,
        sagemaker_boto_client=sm,
    )
    trial.add_trial_component(shared.trial_component)
    estimator = SKLearn(
        entry_point="train.py",
        source_dir=os.path.join(HERE, "sweep"),
        framework_version="1.2-1",
        py_version="py3",
        instance_type="ml.m5.large",
        instance_count=1,
        role=arguments.role,
        hyperparameters={**common, **factor},
        metric_definitions=metrics,
        sagemaker_session=session,
    )
    job = f"digits-{label}-{stamp}"
    estimator.fit(
        {"training": dataset},
        job_name=job,
        wait=False,
        experiment_config={
            "ExperimentName": experiment.experiment_name,
            "TrialName": trial.trial_name,
            "TrialComponentDisplayName": job,
        },
    )
    jobs.append(job)
    print("Submitted:", job)

left = list(jobs)
while left:
    time.sleep(1)
    for job in list(left):
        described = sm.describe_training_job(TrainingJobName=job)
        if described["TrainingJobStatus"] in ("Completed", "Failed", "Stopped"):
            left.remove(job)
            print(described["TrainingJobStatus"] + ":", job, described.get("FailureReason", ""))

# The table, best first.
table = sagemaker.analytics.ExperimentAnalytics(
    sagemaker_session=session,
    experiment_name=experiment.experiment_name,
    sort_by="metrics.test_acc.max",
    sort_order="Descending",
).dataframe()
table = table[~table["test_acc - Last"].isna()].sort_values("test_acc - Last", ascending=False)
table["model"] = table["model"].str.replace('"', "")
columns = [
    "DisplayName",
    "model",
    "learning-rate",
    "weight-decay",
    "test_acc - Last",
    "val_acc - Last",
    "loss - Last",
]
print()
print(table[columns].to_string(index=False))
table.to_csv(os.path.join(arguments.output, "table.csv"), index=False)

# A bar for each trial.
figure, axes = plt.subplots(figsize=(9, 4.5))
names = (
    table["model"]
    + " lr "
    + table["learning-rate"].astype(str)
    + " decay "
    + table["weight-decay"].astype(str)
)
colours = ["tab:blue" if model == "mlp" else "tab:orange" for model in table["model"]]
bars = axes.barh(names[::-1], table["test_acc - Last"][::-1], color=colours[::-1])
axes.bar_label(bars, fmt="%.3f", padding=3)
axes.set_xlim(0.0, 1.1)
axes.set_xlabel("accuracy on the test set")
axes.set_title(experiment.experiment_name)
figure.tight_layout()
figure.savefig(os.path.join(arguments.output, "bars.png"), dpi=120)

# A curve for each trial, read from the jobs' logs.
logs = boto3.client("logs")
figure, axes = plt.subplots(figsize=(9, 4.5))
for job, model in zip(table["DisplayName"], table["model"]):
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=job + "/"
    )
    lines = [event["message"] for page in pages for event in page["events"]]
    curve = pd.Series([float(match) for line in lines for match in re.findall(r"val_acc: ([0-9\.]+)", line)])
    curve.index += 1
    axes.plot(curve, label=job.split("-", 1)[1].rsplit("-", 1)[0], linestyle="-" if model == "mlp" else "--")
axes.set_xlabel("epoch")
axes.set_ylabel("accuracy on the validation set")
axes.legend(fontsize="small")
axes.set_title(experiment.experiment_name)
figure.tight_layout()
figure.savefig(os.path.join(arguments.output, "curves.png"), dpi=120)
print(
    "\nWritten:",
    ", ".join(os.path.join(arguments.output, name) for name in ("table.csv", "bars.png", "curves.png")),
)
