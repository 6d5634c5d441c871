"""The note's example 1: one run per number of estimators, its parameter and its error.

Changed: imports and the data, which the note leaves out; `squared=False`, gone since scikit-learn 1.6, is the
square root.
"""

import sagemaker.experiments
import sagemaker.session
import sklearn.datasets
import sklearn.ensemble
import sklearn.metrics
import sklearn.model_selection

X, y = sklearn.datasets.load_diabetes(return_X_y=True)
X_train, X_test, y_train, y_test = sklearn.model_selection.train_test_split(X, y, random_state=0)

# Define variables for experiment name and rf estimators
experiment_name = "sm-experiments-sample-sklearn"
estimators = [10, 20, 30, 40, 50]

for est in enumerate(estimators):
    with sagemaker.experiments.load_run(
        experiment_name=experiment_name,
        run_name=f"run-{est[0]}",
        sagemaker_session=sagemaker.session.Session(),
    ) as run:
        run.log_parameter("estimators", est[1])
        regressor = sklearn.ensemble.RandomForestRegressor(n_estimators=est[1])
        regressor.fit(X_train, y_train)
        y_pred = regressor.predict(X_test)
        run.log_metric(
            name="RMSE",
            value=sklearn.metrics.mean_squared_error(y_test, y_pred) ** 0.5,
        )
        # Can also use run.log_parameter(), run.log_artifact(), run.log_run().
