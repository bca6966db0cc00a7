"""Writes small networks as Keras, Larq and QKeras save them, and what they make of some inputs.

    python -m venv a && a/bin/pip install tensorflow-cpu==2.15.1 'numpy<2' larq==0.14.0 qkeras==0.9.0 pyparsing 'setuptools<80'
    python -m venv b && b/bin/pip install keras==3.15.1 jax h5py
    a/bin/python export.py keras2 && a/bin/python export.py larq && a/bin/python export.py qkeras
    KERAS_BACKEND=jax b/bin/python export.py keras3

Weights are random. Inputs of quantized networks are multiples of 1/8, so that an input quantizer keeps them.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np

HERE = Path(__file__).parent
TOOL = sys.argv[1]
if TOOL == "keras3":
    import keras
    from keras import layers
else:
    import tensorflow

    keras = tensorflow.keras
    layers = keras.layers

rng = np.random.default_rng(7)
inputs_rng = np.random.default_rng(8)


def randomize(model):
    """Random weights, for batch norms as well; variances above 0."""
    for variable in model.weights:
        name = getattr(variable, "path", variable.name)
        shape = tuple(variable.shape)
        fan = max(1, int(np.prod(shape[:-1])))
        if "variance" in name:
            value = rng.uniform(0.5, 2, shape)
        elif "gamma" in name:
            value = rng.uniform(-0.5, 1.5, shape)
        else:
            spread = 0.5 if TOOL == "qkeras" else 1 / np.sqrt(fan)
            value = rng.normal(0, 1, shape) * (spread if len(shape) > 1 else 0.25)
        if str(variable.dtype).find("float") >= 0:
            variable.assign(value.astype(np.float32))


def save(model, name, inputs, endings):
    randomize_and_touch(model)
    scores = np.asarray(model.predict(inputs, verbose=0))
    np.save(HERE / f"{name}.x.npy", inputs.astype(np.float32))
    stem = name if name == TOOL else f"{name}.{TOOL}"
    np.save(HERE / f"{stem}.scores.npy", scores.astype(np.float32))
    for ending in endings:
        path = HERE / f"{stem}.{ending}"
        model.save(path, **({"include_optimizer": False} if ending == "h5" else {}))
        print(path.name, path.stat().st_size)


def randomize_and_touch(model):
    randomize(model)
    for variable in model.weights:
        value = np.array(variable)
        if "kernel" in variable.name and value.size > 4 and TOOL in ("larq", "qkeras"):
            value.flat[::7] = 0  # the sign of 0, and halves, have to be right
            variable.assign(value)


def floats():
    """Branches, a model in a model, and every layer of pictures."""
    block = keras.Sequential(
        [
            layers.DepthwiseConv2D(3, padding="same", use_bias=False, depth_multiplier=2, name="depthwise"),
            layers.BatchNormalization(scale=False, name="norm"),
            layers.ReLU(6.0, name="relu6"),
            layers.Conv2D(4, 1, name="pointwise"),
        ],
        name="block",
    )
    x = inputs = keras.Input((11, 10, 3), name="picture")
    x = layers.Conv2D(4, (3, 2), strides=2, padding="same", activation="relu", name="stem")(x)
    y = layers.BatchNormalization(epsilon=0.002, name="stem_norm")(x)
    x = layers.Add(name="sum")([y, block(y)])
    x = layers.Activation("relu", name="act")(x)
    z = layers.SeparableConv2D(5, 3, padding="same", activation="relu6", name="separable")(x)
    x = layers.Concatenate(name="joined")([x, z])
    x = layers.ZeroPadding2D(((1, 0), (2, 1)), name="zeros")(x)
    x = layers.Conv2D(6, 3, dilation_rate=(1, 2), use_bias=False, name="wide")(x)
    x = layers.MaxPooling2D(2, strides=1, padding="same", name="most")(x)
    x = layers.Dropout(0.5, name="drop")(x)
    x = layers.AveragePooling2D((2, 1), name="mean")(x)
    x = layers.GlobalAveragePooling2D(name="everywhere")(x)
    x = layers.Dense(7, name="scores")(x)
    x = layers.Softmax(name="shares")(x)
    model = keras.Model(inputs, x, name="floats")
    save(model, "floats", inputs_rng.normal(0, 1, (6, 11, 10, 3)), ["h5", "keras"])


def lines():
    """One-dimensional, in order."""
    model = keras.Sequential(
        [
            keras.Input((20, 3), name="line"),
            layers.Conv1D(4, 5, strides=2, padding="same", activation="relu", name="first"),
            layers.BatchNormalization(name="norm"),
            layers.Conv1D(6, 3, padding="valid", name="second"),
            layers.Activation("linear", name="nothing"),
            layers.Flatten(name="flat"),
            layers.Dense(5, activation="relu", name="hidden"),
            layers.Dense(3, activation="softmax", name="scores"),
        ],
        name="lines",
    )
    save(model, "lines", inputs_rng.normal(0, 1, (6, 20, 3)), ["h5" if TOOL == "keras2" else "keras"])


def larq():
    import larq as lq

    binary = dict(input_quantizer="ste_sign", kernel_quantizer="ste_sign", kernel_constraint="weight_clip", use_bias=False)
    x = inputs = keras.Input((9, 8, 3), name="picture")
    x = lq.layers.QuantConv2D(8, 3, kernel_quantizer="ste_sign", padding="same", use_bias=False, name="first")(x)
    x = layers.BatchNormalization(scale=False, momentum=0.9, name="first_norm")(x)
    x = lq.layers.QuantConv2D(8, 3, padding="same", strides=2, name="second", **binary)(x)
    x = layers.MaxPooling2D(2, name="most")(x)
    x = layers.BatchNormalization(scale=False, name="second_norm")(x)
    x = lq.layers.QuantDepthwiseConv2D(
        2, input_quantizer=lq.quantizers.ApproxSign(), depthwise_quantizer="approx_sign", name="third"
    )(x)
    x = layers.BatchNormalization(scale=False, name="third_norm")(x)
    x = layers.Flatten(name="flat")(x)
    x = lq.layers.QuantDense(16, name="fourth", **binary)(x)
    x = layers.BatchNormalization(scale=False, name="fourth_norm")(x)
    x = lq.layers.QuantDense(5, name="fifth", **{**binary, "kernel_quantizer": "magnitude_aware_sign"})(x)
    x = layers.Activation("softmax", name="shares")(x)
    model = keras.Model(inputs, x, name="larq")
    lq.models.summary(model)
    save(model, "larq", np.round(inputs_rng.normal(0, 1, (8, 9, 8, 3)) * 8) / 8, ["h5"])


def qkeras():
    from qkeras import QActivation, QConv2D, QDense, QDepthwiseConv2D, binary, quantized_bits, quantized_relu, ternary

    x = inputs = keras.Input((9, 8, 3), name="picture")
    x = QActivation(quantized_bits(6, 2, 1), name="in")(x)
    x = QConv2D(
        6, 3, strides=2, padding="same", kernel_quantizer=quantized_bits(4, 0, 1), bias_quantizer=quantized_bits(5, 1), name="first"
    )(x)
    x = layers.BatchNormalization(name="first_norm")(x)
    x = QActivation("quantized_relu(3,1)", name="first_act")(x)
    x = QDepthwiseConv2D(3, depthwise_quantizer=ternary(alpha=1.0), use_bias=False, name="second")(x)
    x = QActivation(quantized_relu(4, 2), name="second_act")(x)
    x = layers.Flatten(name="flat")(x)
    x = QDense(
        8, kernel_quantizer=quantized_bits(3, 1, symmetric=True, alpha=0.5), bias_quantizer=quantized_bits(6, 2), name="third"
    )(x)
    x = QActivation(binary(alpha=1.0), name="third_act")(x)
    x = QDense(5, kernel_quantizer=binary(alpha=1.0), use_bias=False, name="fourth")(x)
    model = keras.Model(inputs, x, name="qkeras")
    save(model, "qkeras", np.round(inputs_rng.normal(0, 1, (8, 9, 8, 3)) * 8) / 8, ["h5"])


if TOOL in ("keras2", "keras3"):
    floats()
    lines()
else:
    {"larq": larq, "qkeras": qkeras}[TOOL]()
