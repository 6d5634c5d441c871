"""The note's training script: TensorFlow 1.15, Keras, on CIFAR-shaped TFRecords."""

import argparse
import os

import numpy as np
import tensorflow as tf
from tensorflow.keras import layers, models, optimizers

CLASSES = 10


def load(channel, name, batch):
    path = os.path.join(os.environ["SM_CHANNEL_" + channel], name + ".tfrecords")
    features = {"image": tf.io.FixedLenFeature([], tf.string), "label": tf.io.FixedLenFeature([], tf.int64)}

    def parse(serialized):
        parsed = tf.io.parse_single_example(serialized, features)
        image = tf.reshape(tf.io.decode_raw(parsed["image"], tf.uint8), (32, 32, 3))
        return tf.cast(image, tf.float32) / 255.0, tf.one_hot(parsed["label"], CLASSES)

    count = sum(1 for _ in tf.compat.v1.io.tf_record_iterator(path))
    dataset = tf.data.TFRecordDataset(path).map(parse).repeat().batch(min(batch, count))
    return dataset, max(1, count // batch)


def custom():
    return models.Sequential(
        [
            layers.Conv2D(8, 3, strides=2, activation="relu", input_shape=(32, 32, 3)),
            layers.Conv2D(16, 3, strides=2, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )


def resnet():
    """Two residual blocks: the idea of ResNet50 at the size of a test."""
    image = layers.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(image)
    for _ in range(2):
        y = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
        y = layers.Conv2D(8, 3, padding="same")(y)
        x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling2D()(x)
    return models.Model(image, layers.Dense(CLASSES, activation="softmax")(x))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--weight-decay", type=float)
    parser.add_argument("--momentum", type=float)
    parser.add_argument("--optimizer")
    parser.add_argument("--model")
    parser.add_argument("--model_dir")
    arguments = parser.parse_args()

    np.random.seed(0)
    tf.compat.v1.set_random_seed(0)
    train, train_steps = load("TRAINING", "train", arguments.batch_size)
    validation, validation_steps = load("VALIDATION", "validation", arguments.batch_size)
    test, test_steps = load("EVAL", "eval", arguments.batch_size)
    optimizer = {
        "adam": lambda: optimizers.Adam(arguments.learning_rate, decay=arguments.weight_decay),
        "sgd": lambda: optimizers.SGD(
            arguments.learning_rate, arguments.momentum, decay=arguments.weight_decay
        ),
        "rmsprop": lambda: optimizers.RMSprop(arguments.learning_rate, decay=arguments.weight_decay),
    }[arguments.optimizer]()
    model = {"custom": custom, "resnet": resnet}[arguments.model]()
    model.compile(optimizer=optimizer, loss="categorical_crossentropy", metrics=["acc"])
    model.fit(
        train,
        steps_per_epoch=train_steps,
        epochs=arguments.epochs,
        validation_data=validation,
        validation_steps=validation_steps,
        verbose=2,
    )
    loss, accuracy = model.evaluate(test, steps=test_steps, verbose=0)
    print("test_loss: {:.4f} - test_acc: {:.4f}".format(loss, accuracy))
    model.save(os.path.join(os.environ["SM_MODEL_DIR"], "model.h5"))


if __name__ == "__main__":
    main()
