"""The note's cleanup of trial components that are in no trial. Changed: imports; the sleep is left out."""

import boto3
import smexperiments.trial_component

sm = boto3.Session().client("sagemaker")

for tc in smexperiments.trial_component.TrialComponent.list(sagemaker_boto_client=sm):
    try:
        sm.delete_trial_component(TrialComponentName=tc.trial_component_name)
        print(f"Deleted: {tc.trial_component_name}")
    except:  # noqa: E722
        continue
