"""The note's "Using SageMaker Debugger to visualize performance curves", on a small sweep of its example 2.

Changed: imports and the sweep before it, which the note has in its other blocks; all jobs are plotted, because
the note's names are of jobs of its writer; the figure is saved.
"""

# ruff: noqa: F821, F541, RET504 - the block below is the note's own text
import os
import time

import boto3
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd
import sagemaker
import sagemaker.analytics
import sagemaker.tensorflow
import smdebug
import smexperiments.experiment
import smexperiments.trial

boto_sess = boto3.Session()
sm = boto_sess.client("sagemaker")
sagemaker_session = sagemaker.session.Session(boto_session=boto_sess)
bucket_name = sagemaker_session.default_bucket()
datasets = sagemaker_session.upload_data(path="cifar10", key_prefix="datasets/cifar10-dataset")

training_experiment = smexperiments.experiment.Experiment.create(
    experiment_name=f"cifar10-debugger-experiment-{int(time.time())}", sagemaker_boto_client=sm
)
experiment_name = training_experiment.experiment_name

for optimizer in ("adam", "sgd"):
    job_name = f"cifar10-training-custom-{optimizer}-{int(time.time())}"
    tf_trial = smexperiments.trial.Trial.create(
        trial_name=f"trial-{job_name}", experiment_name=experiment_name, sagemaker_boto_client=sm
    )
    tf_estimator = sagemaker.tensorflow.TensorFlow(
        entry_point="cifar10-training-sagemaker.py",
        source_dir="code",
        output_path=f"s3://{bucket_name}/{experiment_name}/",
        code_location=f"s3://{bucket_name}/{experiment_name}",
        role=os.environ["SAGEMAKER_ROLE"],
        train_instance_count=1,
        train_instance_type="ml.p3.2xlarge",
        framework_version="1.15",
        py_version="py3",
        script_mode=True,
        metric_definitions=[{"Name": "test_acc", "Regex": "test_acc: ([0-9\\.]+)"}],
        sagemaker_session=sagemaker_session,
        hyperparameters={
            "batch-size": 128,
            "learning-rate": 0.01,
            "weight-decay": 1e-6,
            "momentum": 0.9,
            "model": "custom",
            "optimizer": optimizer,
            "epochs": 30,
        },
    )
    tf_estimator.fit(
        {"training": datasets, "validation": datasets, "eval": datasets},
        job_name=job_name,
        wait=False,
        experiment_config={
            "ExperimentName": experiment_name,
            "TrialName": tf_trial.trial_name,
            "TrialComponentDisplayName": job_name,
        },
    )
    print("debugger artifacts:", tf_estimator.latest_job_debugger_artifacts_path())

while sm.list_training_jobs(StatusEquals="InProgress", NameContains="cifar10-training")[
    "TrainingJobSummaries"
]:
    time.sleep(1)

trial_component_analytics = sagemaker.analytics.ExperimentAnalytics(
    sagemaker_session=sagemaker_session, experiment_name=experiment_name
)
trial_comp_ds = trial_component_analytics.dataframe()
trial_comp_ds_jobs = trial_comp_ds.loc[~trial_comp_ds["test_acc - Last"].isna()]


# Using SageMaker Debugger to visualize performance curves
def tensor_df(tname):
    tval = trial.tensor(tname).values()
    df = pd.DataFrame.from_dict(tval, orient="index", columns=[tname])
    df_tval = df.reset_index().rename(columns={"index": "steps"})
    return df_tval


def trial_perf_curves(job_name, tname, experiment_name):
    debug_data = f"s3://{bucket_name}/{experiment_name}/{job_name}/debug-output"
    trial = smdebug.trials.create_trial(debug_data)
    tval = trial.tensor(tname).values()
    df = pd.DataFrame.from_dict(tval, orient="index", columns=[tname])
    return df


def get_metric_dataframe(metric, trial_comp_ds, experiment_name):
    df = pd.DataFrame()
    for tc_name in trial_comp_ds["DisplayName"]:
        print(f"\nLoading training job: {tc_name}")
        print(f"--------------------------------\n")
        trial_perf = trial_perf_curves(tc_name, metric, experiment_name)
        trial_perf.columns = [tc_name]
        df = pd.concat([df, trial_perf], axis=1)
    return df


val_acc_df = get_metric_dataframe("val_acc", trial_comp_ds_jobs, experiment_name)

fig = plt.figure()
fig.set_size_inches([15, 10])

val_acc_df.plot(style="-", ax=plt.gca())
fig.savefig("debugger.png")
print(val_acc_df.to_string())
