"""How much of the saved multiply-adds does a clock see?

Four groups of contestants; in each all take turns. One core, one image, inference as a
graph: a phone's setting, on another processor.

- layers: full, depthwise and pointwise convolutions of MobileNetV1's shapes
- networks: MobileNetV1 with full and with separable convolutions, thinner, smaller, and
  the later MobileNets
- nonlinearity: an activation alone, on the widest map of MobileNetV3
- mobilenet_v3: MobileNetV3-Large with another activation in place of h-swish

    python benchmarks/mobilenets.py            three minutes
    python benchmarks/mobilenets.py --quick    one round
"""

import argparse

import keras
import numpy as np
import tensorflow as tf
from measure import fastest, report

from companion.complexity import count_macs, memory_access_cost
from companion.models import (
    MobileNetV1,
    MobileNetV2,
    MobileNetV3Large,
    MobileNetV3LargeMinimalistic,
    MobileNetV3Small,
    mobilenet_v1,
    mobilenet_v3,
)

L = keras.layers
SHAPES = ((112, 64), (56, 128), (28, 256), (14, 512), (7, 1024))
ACTIVATIONS = "relu", "relu6", "hard_silu", "silu"


def one_layer(kind, side, channels):
    image = keras.Input((side, side, channels))
    options = {"padding": "same", "use_bias": False}
    if kind == "depthwise":
        y = L.DepthwiseConv2D(3, **options)(image)
    else:
        y = L.Conv2D(channels, 3 if kind == "full" else 1, **options)(image)
    return keras.Model(image, y)


def fully_convolutional():
    """MobileNetV1 with a 3x3 convolution for each separable one."""
    image = keras.Input((224, 224, 3))
    x = mobilenet_v1.conv_bn_relu6(image, 32, 3, 2, "conv1")
    for number, (stride, filters) in enumerate(mobilenet_v1.TABLE, start=1):
        x = mobilenet_v1.conv_bn_relu6(x, filters, 3, stride, f"block{number}")
    x = L.GlobalAveragePooling2D()(x)
    return keras.Model(image, L.Dense(1000, activation="softmax")(x))


def with_activation(activation):
    """MobileNetV3-Large, another activation wherever it has h-swish."""
    blocks, *widths, _ = mobilenet_v3.TABLE["large"]
    swap = {mobilenet_v3.HS: activation}
    rows = tuple((*row[:4], swap.get(row[4], row[4]), row[5]) for row in blocks)
    return mobilenet_v3.MobileNetV3(rows, *widths, activation, name=activation)


def activation_alone(activation):
    image = keras.Input((112, 112, 64))
    return keras.Model(image, L.Activation(activation)(image))


GROUPS = {
    "layers": {
        f"{kind} {side}x{side}x{channels}": (one_layer, kind, side, channels)
        for side, channels in SHAPES
        for kind in ("full", "depthwise", "pointwise")
    },
    "networks": {
        "V1, full convolutions": (fully_convolutional,),
        "V1": (MobileNetV1,),
        "V1, width 0.5": (lambda: MobileNetV1(width=0.5),),
        "V1, resolution 128": (lambda: MobileNetV1(resolution=128),),
        "V2": (MobileNetV2,),
        "V3-Large": (MobileNetV3Large,),
        "V3-Large minimalistic": (MobileNetV3LargeMinimalistic,),
        "V3-Small": (MobileNetV3Small,),
    },
    "nonlinearity": {name: (activation_alone, name) for name in ACTIVATIONS},
    "mobilenet_v3": {name: (with_activation, name) for name in ACTIVATIONS},
}


def inference(model):
    function = tf.function(lambda x: model(x, training=False))
    shape = (1, *model.input_shape[1:])
    image = tf.constant(np.random.default_rng(0).normal(size=shape), "float32")
    return lambda: function(image).numpy()


def measure(group, rounds, patience):
    models = {name: make(*rest) for name, (make, *rest) in GROUPS[group].items()}
    times = fastest([inference(m) for m in models.values()], rounds, patience)
    return [
        {
            "group": group,
            "contestant": name,
            "macs": count_macs(model),
            "memory_access": memory_access_cost(model),
            "milliseconds": 1000 * time,
        }
        for (name, model), time in zip(models.items(), times, strict=True)
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round")
    arguments = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    rows = []
    for group in GROUPS:
        rows += measure(group, *((1, 1) if arguments.quick else (60, 40)))
        keras.utils.clear_session()
    report(
        "mobilenets",
        "Layers, networks and activations, one image on one core",
        rows,
        "python benchmarks/mobilenets.py",
    )


if __name__ == "__main__":
    main()
