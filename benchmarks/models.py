"""Are the companion's models as fast as those of keras.applications, and as PyTorch's?

Four questions a network: building it, one image, a batch of 32, a training step on a
batch of 8. The networks are the same, layer by layer; they take turns in every round.
PyTorch, where it is installed, runs timm's network, channels last. ResNet v2 is left
out: keras.applications strides it in other places, at fewer multiply-adds than the
paper. Building draws the weights; where a paper says He's normal distribution, that
takes longer than the uniform one that keras.applications draws from.

    python benchmarks/models.py                one network a family, twenty minutes
    python benchmarks/models.py VGG19 VGG16    these
    python benchmarks/models.py --quick        MobileNetV2, few rounds
"""

import argparse
import gc
import importlib

import keras
import numpy as np
from measure import fastest, report

from companion import models

try:
    import torch

    importlib.import_module("tests.parity.torch.conftest")  # torchvision without CUDA
    import timm
except ImportError:
    torch = None

NETWORKS = {  # ours: (keras.applications, timm)
    "VGG16": ("VGG16", "vgg16"),
    "ResNet50": ("ResNet50", None),
    "InceptionV3": ("InceptionV3", "inception_v3"),
    "InceptionResNetV2": ("InceptionResNetV2", "inception_resnet_v2"),
    "Xception": ("Xception", "legacy_xception"),
    "DenseNet121": ("DenseNet121", "densenet121"),
    "MobileNetV1": ("MobileNet", "mobilenetv1_100"),
    "MobileNetV2": ("MobileNetV2", "mobilenetv2_100"),
    "MobileNetV3Large": ("MobileNetV3Large", "mobilenetv3_large_100"),
    "MobileNetV3Small": ("MobileNetV3Small", "mobilenetv3_small_100"),
    "EfficientNetB0": ("EfficientNetB0", "efficientnet_b0"),
}
ALL = NETWORKS | {
    "VGG19": ("VGG19", "vgg19"),
    "ResNet101": ("ResNet101", None),
    "ResNet152": ("ResNet152", None),
    "DenseNet169": ("DenseNet169", "densenet169"),
    "DenseNet201": ("DenseNet201", "densenet201"),
    **{f"EfficientNetB{n}": (f"EfficientNetB{n}",) * 2 for n in range(1, 8)},
}
QUESTIONS = "build", "latency", "throughput", "training"


def side(model):
    return model.input_shape[1] or 224


def images_for(model, batch):
    shape = (batch, side(model), side(model), 3)
    return np.random.default_rng(0).random(shape, "float32")


def forward(model, batch):
    """Inference of one batch as a graph, without what `predict` adds."""
    import tensorflow as tf

    function = tf.function(lambda x: model(x, training=False))
    images = tf.constant(images_for(model, batch))
    return lambda: function(images).numpy()


def training(model, batch):
    model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=False)
    images, labels = images_for(model, batch), np.arange(batch)
    return lambda: model.train_on_batch(images, labels)


def torch_images(size, batch):
    images = torch.rand(batch, 3, size, size)
    return images.contiguous(memory_format=torch.channels_last)


def torch_forward(network, size, batch):
    images = torch_images(size, batch)

    def step():
        network.eval()
        with torch.inference_mode():
            network(images)

    return step


def torch_training(network, size, batch):
    images, labels = torch_images(size, batch), torch.arange(batch)
    optimizer = torch.optim.SGD(network.parameters(), 0.01)

    def step():
        network.train()
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()

    return step


def measure(name, quick):
    """Four rows: milliseconds of each contestant and the two ratios."""
    theirs_name, torch_name = ALL[name]
    makers = getattr(models, name), getattr(keras.applications, theirs_name)
    arguments = [{}, {"weights": None}]
    given = list(zip(makers, arguments, strict=True))
    builds = [lambda f=f, a=a: f(**a) for f, a in given]
    patience = 10 if quick else 20
    times = {"build": fastest(builds, 2 if quick else 5, patience)}
    ours = makers[0]()
    size = side(ours)
    theirs = makers[1](weights=None, input_shape=(size, size, 3))
    pair = ours, theirs
    network = None
    if torch and torch_name:
        network = timm.create_model(torch_name)
        network = network.to(memory_format=torch.channels_last)
    for question, work, torch_work, batch in (
        ("latency", forward, torch_forward, 1),
        ("throughput", forward, torch_forward, 32),
        ("training", training, torch_training, 8),
    ):
        steps = [work(model, batch) for model in pair]
        if network:
            steps.append(torch_work(network, size, batch))
        rounds = {"latency": 30, "throughput": 5, "training": 8}[question]
        times[question] = fastest(steps, 3 if quick else rounds, patience)
        gc.collect()
    rows = []
    for question in QUESTIONS:
        best = [1000 * time for time in times[question]]
        row = {"network": name, "question": question}
        row |= {"ours": best[0], "keras.applications": best[1]}
        row["torch"] = best[2] if len(best) > 2 else None
        row["ours / Keras"] = best[0] / best[1]
        row["ours / torch"] = best[0] / best[2] if len(best) > 2 else None
        rows.append(row)
    keras.utils.clear_session()
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="MobileNetV2, few rounds")
    parser.add_argument("networks", nargs="*", help=f"of {', '.join(ALL)}")
    arguments = parser.parse_args()
    names = arguments.networks or list(NETWORKS)
    if arguments.quick:
        names = ["MobileNetV2"]
    if unknown := sorted(set(names) - set(ALL)):
        parser.error(f"no such network: {', '.join(unknown)}")
    rows = []
    for name in names:
        rows += measure(name, arguments.quick)
        ratios = ", ".join(
            f"{r['question']} {r['ours / Keras']:.2f}" for r in rows[-4:]
        )
        print(f"{name}: {ratios}", flush=True)
    report(
        "models",
        "Networks against keras.applications and torch, milliseconds",
        rows,
        " ".join(["python benchmarks/models.py", *arguments.networks]),
    )


if __name__ == "__main__":
    main()
