"""AWS's built-in algorithms: what their images do with `train` and `serve`.

    tables/         one declaration an algorithm: hyperparameters, channels, content types, metrics; no numpy,
                    so that the server reads them too
    formats/        CSV, RecordIO-protobuf, libsvm, Parquet, JSON: bytes to arrays and back
    data.py         a channel's files as one data set
    linear_learner.py, xgboost_trees.py, knn.py, kmeans.py, pca.py, random_cut_forest.py,
    factorization_machines.py
                    each `train(params, channels, log) -> Model` and `predict(model, features, options) -> Answer`
    train.py        `python train.py ALGORITHM`: the training job's program
    serve.py        `model_fn` and `transform_fn`, as a serving toolkit calls them
    models.py       a model as a file: arrays and JSON, never pickled code

It is mounted into a job's sandbox as `clary_algorithms` and runs there, in an environment with numpy, scipy,
scikit-learn and pyarrow (`images.catalog`); it imports nothing else of Clary.
"""
