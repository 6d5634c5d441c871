"""The note's "Analyzing Experiment results": python analytics.py EXPERIMENT

Changed: imports; the experiment's name, which the note has from its example 2, is an argument;
`trial_comp_ds_sorted`, which the note never defines, is `trial_comp_ds`, and `applymap`, which pandas 3 no longer
has, is `map`; the figure is saved as a notebook shows it, and the table, which a notebook shows, is printed.
"""

import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import sagemaker
import sagemaker.analytics

sagemaker_session = sagemaker.session.Session()
experiment_name = sys.argv[1]

trial_component_analytics = sagemaker.analytics.ExperimentAnalytics(
    sagemaker_session=sagemaker_session,
    experiment_name=experiment_name,
)
trial_comp_ds = trial_component_analytics.dataframe()

idx_jobs = ~trial_comp_ds["test_acc - Last"].isna()
trial_comp_ds_jobs = trial_comp_ds.loc[idx_jobs]
trial_comp_ds_jobs = trial_comp_ds_jobs.sort_values("test_acc - Last", ascending=False)
trial_comp_ds_jobs["col_names"] = trial_comp_ds_jobs["model"] + "-" + trial_comp_ds["optimizer"]
trial_comp_ds_jobs["col_names"] = trial_comp_ds_jobs[["col_names"]].map(lambda x: x.replace('"', ""))

fig = plt.figure()
fig.set_size_inches([15, 10])
trial_comp_ds_jobs.plot.bar("col_names", "test_acc - Last", ax=plt.gca())
fig.savefig("analytics.png", bbox_inches="tight")
print(
    trial_comp_ds_jobs[
        [
            "TrialComponentName",
            "test_acc - Last",
            "model",
            "batch-size",
            "epochs",
            "learning-rate",
            "optimizer",
        ]
    ].to_string()
)
