"""The training script of the sweep: what a data scientist writes for SageMaker's scikit-learn image."""

import argparse
import os

import joblib
import numpy as np
import pandas as pd
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier


def load(name):
    frame = pd.read_csv(os.path.join(os.environ["SM_CHANNEL_TRAINING"], name + ".csv"))
    return frame.drop(columns="target").to_numpy() / 16.0, frame["target"].to_numpy()


def make(arguments):
    if arguments.model == "mlp":
        return MLPClassifier(
            hidden_layer_sizes=(64,), solver="sgd", learning_rate_init=arguments.learning_rate,
            alpha=arguments.weight_decay, random_state=arguments.seed,
        )  # fmt: skip
    return SGDClassifier(
        loss="log_loss", learning_rate="constant", eta0=arguments.learning_rate,
        alpha=arguments.weight_decay, random_state=arguments.seed,
    )  # fmt: skip


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=["mlp", "linear"], default="mlp")
    parser.add_argument("--learning-rate", type=float, default=0.01)
    parser.add_argument("--weight-decay", type=float, default=0.0001)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    x, y = load("train")
    x_validation, y_validation = load("validation")
    classes = np.unique(y)
    random = np.random.default_rng(arguments.seed)
    model = make(arguments)
    for epoch in range(1, arguments.epochs + 1):
        order = random.permutation(len(x))
        for start in range(0, len(order), arguments.batch_size):
            batch = order[start : start + arguments.batch_size]
            model.partial_fit(x[batch], y[batch], classes=classes)
        loss = log_loss(y, model.predict_proba(x), labels=classes)
        accuracy = model.score(x_validation, y_validation)
        print(f"epoch {epoch}/{arguments.epochs} train_loss: {loss:.4f} val_acc: {accuracy:.4f}")

    print(f"test_acc: {model.score(*load('test')):.4f}")
    joblib.dump(model, os.path.join(os.environ["SM_MODEL_DIR"], "model.joblib"))


if __name__ == "__main__":
    main()
