"""The note's cleanup of all experiments.

Changed: imports; the indentation, which mixes tabs and spaces in the note. The sleep is still there, but it is
reached only when something fails.
"""

import time

import boto3
import smexperiments.experiment
import smexperiments.trial
import smexperiments.trial_component

sm = boto3.Session().client("sagemaker")

exp_names = [
    exp.experiment_name for exp in smexperiments.experiment.Experiment.list(sagemaker_boto_client=sm)
]

for exp in exp_names:
    experiment = smexperiments.experiment.Experiment.load(exp)
    for trial_summary in experiment.list_trials():
        try:
            trial = smexperiments.trial.Trial.load(
                sagemaker_boto_client=sm, trial_name=trial_summary.trial_name
            )
            for trial_component_summary in trial.list_trial_components():
                tc = smexperiments.trial_component.TrialComponent.load(
                    sagemaker_boto_client=sm,
                    trial_component_name=trial_component_summary.trial_component_name,
                )
                try:
                    trial.remove_trial_component(tc)
                    print(f"Deleting trial component: {tc.trial_component_name}")
                    tc.delete()
                except:  # noqa: E722
                    time.sleep(0.4)
                    continue
            print(f"Deleting trial: {trial.trial_name}")
            trial.delete()
        except:  # noqa: E722
            continue
    print(f"Deleting experiment: {experiment.experiment_name}")
    experiment.delete()
