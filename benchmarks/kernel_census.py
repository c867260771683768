"""Which kernel sizes do published networks use?

    python benchmarks/kernel_census.py

A row for each network of `keras.applications`: how many of its layers have a kernel of
each size, as height x width, and how many of the even ones have a stride as large as
themselves. A separable convolution counts once, with the size of its depthwise half.
"""

from collections import Counter

import keras
from measure import report

NETWORKS = (
    "VGG16", "ResNet50", "InceptionV3", "InceptionResNetV2", "Xception", "DenseNet121",
    "MobileNet", "MobileNetV2", "MobileNetV3Large", "NASNetMobile", "EfficientNetB0",
    "ConvNeXtTiny",
)  # fmt: skip
TILES = "even, stride = kernel"


def kernels(model):
    """(kernel size, strides) of every layer with a kernel, inner models included."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from kernels(layer)
        elif hasattr(layer, "kernel_size"):
            yield tuple(layer.kernel_size), tuple(layer.strides)


def row(name):
    found = list(kernels(getattr(keras.applications, name)(weights=None)))
    counts = Counter(size for size, _ in found)
    even = [pair for pair in found if any(n % 2 == 0 for n in pair[0])]
    tiles = sum(size == strides for size, strides in even)
    return {"network": name, **counts, TILES: tiles}


def main():
    rows = [row(name) for name in NETWORKS]
    sizes = sorted({key for each in rows for key in each if isinstance(key, tuple)})
    table = [
        {
            "network": each["network"],
            **{f"{h}×{w}": each.get((h, w), 0) for h, w in sizes},
            TILES: each[TILES],
        }
        for each in rows
    ]
    report(
        "kernel_census",
        "Which kernel sizes do published networks use?",
        table,
        "python benchmarks/kernel_census.py",
    )


if __name__ == "__main__":
    main()
