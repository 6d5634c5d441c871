"""The note's example 2: an experiment of eighteen trials, each with a TensorFlow job. analytics.py compares them.

Changed: imports, the role, the client (placeholders or left out in the note); the jobs are waited for.
"""

import itertools
import os
import time

import boto3
import sagemaker
import sagemaker.tensorflow
import smexperiments.experiment
import smexperiments.tracker
import smexperiments.trial

boto_sess = boto3.Session()
sm = boto_sess.client("sagemaker")
role = os.environ["SAGEMAKER_ROLE"]

# Create a SageMaker Experiment.
sagemaker_session = sagemaker.session.Session(boto_session=boto_sess)
bucket_name = sagemaker_session.default_bucket()

datasets = sagemaker_session.upload_data(path="cifar10", key_prefix="datasets/cifar10-dataset")

training_experiment = smexperiments.experiment.Experiment.create(
    experiment_name=f"cifar10-training-experiment-{int(time.time())}",
    description="Hypothesis: Custom model architecture delivers higher validation accuracy for classification compared to ResNet50 and VGG on the CIFAR10 dataset",
    sagemaker_boto_client=sm,
)

hyperparam_options = {
    "model": ["resnet", "custom"],
    "optimizer": ["adam", "sgd", "rmsprop"],
    "epochs": [30, 60, 120],
}

hypnames, hypvalues = zip(*hyperparam_options.items())
trial_hyperparameter_set = [dict(zip(hypnames, h)) for h in itertools.product(*hypvalues)]

static_hyperparams = {
    "batch-size": 128,
    "learning-rate": 0.001,
    "weight-decay": 1e-6,
    "momentum": 0.9,
}

with smexperiments.tracker.Tracker.create(
    display_name="experiment-metadata",
    artifact_bucket=bucket_name,
    artifact_prefix=training_experiment.experiment_name,
    sagemaker_boto_client=sm,
) as exp_tracker:
    exp_tracker.log_input(name="cifar10-dataset", media_type="s3/uri", value=datasets)
    exp_tracker.log_parameters(static_hyperparams)
    exp_tracker.log_parameters(hyperparam_options)
    exp_tracker.log_artifact(file_path="generate_cifar10_tfrecords.py")

job_names = []
for trial_hyp in trial_hyperparameter_set:
    hyperparams = {**static_hyperparams, **trial_hyp}

    time_append = int(time.time())
    hyp_append = "-".join([str(elm) for elm in trial_hyp.values()])
    job_name = f"cifar10-training-{hyp_append}-{time_append}"
    job_names.append(job_name)

    with smexperiments.tracker.Tracker.create(
        display_name=f"trial-metadata-{time_append}",
        artifact_bucket=bucket_name,
        artifact_prefix=f"{training_experiment.experiment_name}/{job_name}",
        sagemaker_boto_client=sm,
    ) as trial_tracker:
        trial_tracker.log_parameters(hyperparams)

    tf_trial = smexperiments.trial.Trial.create(
        trial_name=f"trial-{hyp_append}-{time_append}",
        experiment_name=training_experiment.experiment_name,
        sagemaker_boto_client=sm,
    )
    tf_trial.add_trial_component(exp_tracker.trial_component)
    time.sleep(2)  # To prevent ThrottlingException
    tf_trial.add_trial_component(trial_tracker.trial_component)

    experiment_config = {
        "ExperimentName": training_experiment.experiment_name,
        "TrialName": tf_trial.trial_name,
        "TrialComponentDisplayName": job_name,
    }

    metric_definitions = [
        {"Name": "loss", "Regex": "loss: ([0-9\\.]+)"},
        {"Name": "acc", "Regex": "acc: ([0-9\\.]+)"},
        {"Name": "val_loss", "Regex": "val_loss: ([0-9\\.]+)"},
        {"Name": "val_acc", "Regex": "val_acc: ([0-9\\.]+)"},
        {"Name": "test_acc", "Regex": "test_acc: ([0-9\\.]+)"},
        {"Name": "test_loss", "Regex": "test_loss: ([0-9\\.]+)"},
    ]

    tf_estimator = sagemaker.tensorflow.TensorFlow(
        entry_point="cifar10-training-sagemaker.py",
        source_dir="code",
        output_path=f"s3://{bucket_name}/{training_experiment.experiment_name}/",
        code_location=f"s3://{bucket_name}/{training_experiment.experiment_name}",
        role=role,
        train_instance_count=1,
        train_instance_type="ml.p3.2xlarge",
        framework_version="1.15",
        py_version="py3",
        script_mode=True,
        metric_definitions=metric_definitions,
        sagemaker_session=sagemaker_session,
        hyperparameters=hyperparams,
        enable_sagemaker_metrics=True,
    )

    tf_estimator.fit(
        {
            "training": datasets,
            "validation": datasets,
            "eval": datasets,
        },
        job_name=job_name,
        wait=False,
        experiment_config=experiment_config,
    )

    time.sleep(3)  # To prevent ThrottlingException

# The note's reader comes back when the jobs have ended.
while sm.list_training_jobs(StatusEquals="InProgress", NameContains="cifar10-training")[
    "TrainingJobSummaries"
]:
    time.sleep(1)
for job_name in job_names:
    job = sm.describe_training_job(TrainingJobName=job_name)
    print(job_name, job["TrainingJobStatus"], job.get("FailureReason", ""))
print("experiment:", training_experiment.experiment_name)
