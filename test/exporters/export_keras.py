"""Writes the keras-*.onnx files and, beside each, .npz with x, logits and the gradient of logit `classes[row]` by x.

Keras 3.15.1, TensorFlow 2.21.0, tf2onnx 1.17.0, onnx 1.23.2: python export_keras.py
"""

import pathlib

import keras
import numpy as np
import tensorflow as tf
from keras import layers

HERE = pathlib.Path(__file__).parent


def gelu(x):
    """tf2onnx has no Erfc, which the exact one needs: it would write a file that nothing can run."""
    return keras.activations.gelu(x, approximate=True)


def conv(x, filters, strides=1, size=3):
    return layers.BatchNormalization()(layers.Conv2D(filters, size, strides, padding="same", use_bias=False)(x))


def residual(x, filters, strides=1):
    y = layers.ReLU()(conv(x, filters, strides))
    y = conv(y, filters)
    same = x.shape[-1] == filters and strides == 1
    return layers.ReLU()(layers.Add()([y, x if same else conv(x, filters, strides, 1)]))


def inverted(x, filters, strides):
    y = layers.ReLU(6.0)(conv(x, 3 * x.shape[-1], size=1))
    y = layers.BatchNormalization()(layers.DepthwiseConv2D(3, strides, padding="same", use_bias=False)(y))
    gate = layers.GlobalAveragePooling2D(keepdims=True)(layers.Activation("hard_swish")(y))
    gate = layers.Conv2D(y.shape[-1], 1, activation="sigmoid")(layers.Conv2D(4, 1, activation="relu")(gate))
    y = conv(layers.Multiply()([y, gate]), filters, size=1)
    return layers.Add()([x, y]) if x.shape[-1] == filters and strides == 1 else y


class Position(layers.Layer):
    def build(self, dims):
        self.position = self.add_weight(shape=(1, *dims[1:]), initializer="random_normal")

    def call(self, x):
        return x + self.position


def transformer(x, width=16):
    x = layers.Reshape((16, width))(layers.Conv2D(width, 4, 4)(x))
    x = Position()(x)
    for _ in range(2):
        y = layers.LayerNormalization()(x)
        x = layers.Add()([x, layers.MultiHeadAttention(2, width // 2)(y, y)])
        y = layers.Dense(2 * width, activation=gelu)(layers.LayerNormalization()(x))
        x = layers.Add()([x, layers.Dense(width)(y)])
    return layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))


def mlp(x):
    return layers.Dense(24, activation="tanh")(layers.Dropout(0.5)(layers.Dense(32, activation="relu")(x)))


def cnn(x):
    x = layers.MaxPooling2D(2)(layers.ReLU()(conv(x, 8)))
    return layers.Flatten()(layers.AveragePooling2D(2)(layers.LeakyReLU(0.1)(conv(x, 16))))


def resnet(x):
    return layers.GlobalAveragePooling2D()(residual(residual(layers.ReLU()(conv(x, 8)), 8), 16, 2))


def mobilenet(x):
    return layers.GlobalAveragePooling2D()(inverted(inverted(conv(x, 8, 2), 8, 1), 12, 2))


def tabular(x):
    return layers.BatchNormalization()(layers.Dense(16, activation="silu")(x))


def series(x):
    x = layers.MaxPooling1D(2)(layers.ELU()(layers.BatchNormalization()(layers.Conv1D(8, 5, 2, padding="same")(x))))
    return layers.GlobalAveragePooling1D()(layers.Conv1D(8, 3, dilation_rate=2, padding="causal", activation=gelu)(x))


MODELS = {
    "mlp": (mlp, (20,), 4, "softmax"),
    "cnn": (cnn, (16, 16, 1), 5, "softmax"),
    "resnet": (resnet, (16, 16, 3), 5, "softmax"),
    "mobilenet": (mobilenet, (16, 16, 3), 5, "softmax"),
    "vit": (transformer, (16, 16, 3), 5, None),
    "tabular": (tabular, (12,), 1, "sigmoid"),
    "series": (series, (48, 2), 3, "softmax"),
}


def settle(model):
    """Running statistics and affine parameters as after some training."""
    random = np.random.default_rng(7)
    ranges = {"gamma": (0.5, 1.5), "beta": (-0.5, 0.5), "moving_mean": (-0.3, 0.3), "moving_variance": (0.5, 1.5)}
    for variable in model.variables:
        if variable.name in ranges:
            variable.assign(random.uniform(*ranges[variable.name], variable.shape))


for name, (body, dims, classes, head) in MODELS.items():
    keras.utils.set_random_seed(7)
    inputs = keras.Input(dims, name="x")
    scores = layers.Dense(classes)(body(inputs))
    model = keras.Model(inputs, layers.Activation(head)(scores) if head else scores)
    settle(model)
    x = tf.random.uniform((3, *dims), seed=1)
    with tf.GradientTape() as tape:
        tape.watch(x)
        logits = keras.Model(inputs, scores)(x, training=False)
        if classes == 1:
            logits = tf.concat([tf.zeros_like(logits), logits], 1)
        chosen = [(row + 1) % logits.shape[1] for row in range(3)]
        loss = sum(logits[row, chosen[row]] for row in range(3))
    arrays = {"x": x, "logits": logits, "gradient": tape.gradient(loss, x), "classes": np.array(chosen, np.int32)}
    np.savez_compressed(HERE / f"keras-{name}.npz", **{key: np.asarray(value) for key, value in arrays.items()})
    model(x)
    model.export(HERE / f"keras-{name}.onnx", format="onnx", verbose=False)
