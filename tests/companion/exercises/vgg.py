"""Solutions of the chapter on VGG."""

import keras
import numpy as np
from keras import layers

from companion.exercises import check_vgg_params
from companion.models import vgg


def as_in_the_chapter(counts, side=224, classes=1000):
    total, c_in = 0, 3
    for count, width in zip(counts, vgg.WIDTHS, strict=True):
        for _ in range(count):
            total += 9 * c_in * width + width
            c_in = width
    inputs = (side // 32) ** 2 * c_in
    for outputs in (4096, 4096, classes):
        total += inputs * outputs + outputs
        inputs = outputs
    return total


def with_arrays(counts, side=224, classes=1000):
    outputs = np.repeat(vgg.WIDTHS, counts)
    inputs = np.concatenate([[3], outputs[:-1]])
    units = np.array([4096, 4096, classes])
    before = np.array([(side // 2**5) ** 2 * 512, 4096, 4096])
    return np.sum(outputs * (9 * inputs + 1)) + np.sum(units * (before + 1))


def recursive(counts, side=224, classes=1000, c_in=3, widths=tuple(vgg.WIDTHS)):
    if not counts:
        head = (side * side * 512 + 1) * 4096 + 4097 * 4096 + 4097 * classes
        return head
    first, *rest = counts
    own = sum(
        (9 * (c_in if i == 0 else widths[0]) + 1) * widths[0] for i in range(first)
    )
    return own + recursive(rest, side // 2, classes, widths[0], widths[1:])


def from_a_model(counts, side=224, classes=1000):
    with keras.StatelessScope(initialize_variables=False):
        x = image = keras.Input((side, side, 3))
        for count, width in zip(counts, vgg.WIDTHS, strict=True):
            for _ in range(count):
                x = layers.Conv2D(width, 3, padding="same")(x)
            x = layers.MaxPooling2D(2)(x)
        x = layers.Flatten()(x)
        for units in (4096, 4096, classes):
            x = layers.Dense(units)(x)
        return keras.Model(image, x).count_params()


def convolutions(counts, c_in=3, size=9, bias=1, widths=vgg.WIDTHS):
    total = 0
    for count, width in zip(counts, widths, strict=True):
        for _ in range(count):
            total += (size * c_in + bias) * width
            c_in = width
    return total


def head(inputs, classes, bias=1):
    return sum(
        (a + bias) * b for a, b in ((inputs, 4096), (4096, 4096), (4096, classes))
    )


def area(side, halvings=5):
    return (side // 2**halvings) ** 2


def without_bias(counts, side=224, classes=1000):
    return convolutions(counts, bias=0) + head(area(side) * 512, classes, bias=0)


def stages_alone(counts, side=224, classes=1000):
    own = sum(
        count * (9 * width + 1) * width
        for count, width in zip(counts, vgg.WIDTHS, strict=True)
    )
    return own + head(area(side) * 512, classes)


def grey(counts, side=224, classes=1000):
    return convolutions(counts, c_in=1) + head(area(side) * 512, classes)


def doubled(counts, side=224, classes=1000):
    widths = [64 * 2**i for i in range(5)]
    return convolutions(counts, widths=widths) + head(area(side) * 1024, classes)


def one_number(counts, side=224, classes=1000):
    return convolutions(counts) + head(512, classes)


def whole_image(counts, side=224, classes=1000):
    return convolutions(counts) + head(side**2 * 512, classes)


def four_poolings(counts, side=224, classes=1000):
    return convolutions(counts) + head(area(side, 4) * 512, classes)


def without_fc7(counts, side=224, classes=1000):
    return as_in_the_chapter(counts, side, classes) - 4097 * 4096


def without_fc8(counts, side=224, classes=1000):
    return as_in_the_chapter(counts, side, classes) - 4097 * classes


def pointwise(counts, side=224, classes=1000):
    return convolutions(counts, size=1) + head(area(side) * 512, classes)


def five_by_five(counts, side=224, classes=1000):
    return convolutions(counts, size=25) + head(area(side) * 512, classes)


EXERCISES = [
    {
        "label": "ex-vgg-count",
        "checker": check_vgg_params,
        "right": {
            "as in the chapter": as_in_the_chapter,
            "with arrays": with_arrays,
            "recursive": recursive,
            "from a model": from_a_model,
        },
        "wrong": {
            "no biases": (without_bias, "has a bias, too"),
            "each stage alone": (stages_alone, "channels of the stage before"),
            "a grey image": (grey, "three channels"),
            "always doubled": (doubled, "the same width"),
            "5x5": (five_by_five, "The kernels are 3x3"),
            "1x1": (pointwise, "nine weights"),
            "one number for a channel": (one_number, "fc6 sees a map"),
            "the whole image": (whole_image, "what five poolings leave"),
            "four poolings": (four_poolings, "not four"),
            "no fc7": (without_fc7, "stands fc7"),
            "no fc8": (without_fc8, "from fc7 to the classes"),
            "convolutions alone": (
                lambda counts, side=224, classes=1000: convolutions(counts),
                "The dense layers are missing",
            ),
            "one size": (
                lambda counts, side=224, classes=1000: as_in_the_chapter(counts),
                "decides fc6",
            ),
            "nothing": (lambda counts, side=224, classes=1000: None, "returned None"),
            "text": (lambda counts, side=224, classes=1000: "138 M", "type str"),
            "no default": (lambda counts, side, classes: 0, "TypeError"),
        },
    }
]
