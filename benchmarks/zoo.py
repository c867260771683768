"""What does every registered model cost, and how deep is it?

    python benchmarks/zoo.py

Each model is built without weights and measured; beside the numbers stand the year of
its first publication and one published accuracy on ImageNet, a single crop of the
validation images, with its source. A model that its paper trained on other images, or
whose accuracy we could not read at its source, has none.
"""

import keras
from measure import report

from companion.complexity import count_macs, count_params, layer_costs
from companion.layers import RadialBasis, SelectiveKernel, TableConv2D
from companion.models import MODELS
from companion.receptive_field import receptive_field

TORCHVISION = "torchvision 0.28, IMAGENET1K_V1"
APPLICATIONS = "keras-applications README"
HE = "KaimingHe/deep-residual-networks README"
SENET = "hujie-frank/SENet README"
DENSENET = "liuzhuang13/DenseNet README"
MOBILE = "tensorflow/models, slim/nets/mobilenet README"
SLIM = "tensorflow/models, slim README"

PUBLISHED = {  # model: (year, top-1 accuracy in percent, its source)
    "LeNet5": (1998, None, None),
    "LeNet5Modern": (1998, None, None),
    "AlexNet": (2012, 59.3, "paper, table 2"),
    "AlexNetTwoCards": (2012, 59.3, "paper, table 2"),
    "CaffeNet": (2012, 57.4, "BVLC/caffe, bvlc_reference_caffenet"),
    "AlexNetOneTower": (2014, 56.522, TORCHVISION),
    "NiN": (2013, None, None),
    "NiNCIFAR": (2013, None, None),
    "VGG11": (2014, 69.02, TORCHVISION),
    "VGG13": (2014, 69.928, TORCHVISION),
    "VGG16": (2014, 71.592, TORCHVISION),
    "VGG19": (2014, 72.376, TORCHVISION),
    "GoogLeNet": (2014, 68.7, "BVLC/caffe, bvlc_googlenet"),
    "InceptionV2": (2015, 73.9, SLIM),
    "InceptionV3": (2015, 78.0, SLIM),
    "InceptionV4": (2016, 80.2, SLIM),
    "InceptionResNetV1": (2016, None, None),
    "InceptionResNetV2": (2016, 80.4, SLIM),
    "ResNet18": (2015, 69.758, TORCHVISION),
    "ResNet34": (2015, 73.314, TORCHVISION),
    "ResNet50": (2015, 75.3, HE),
    "ResNet101": (2015, 76.4, HE),
    "ResNet152": (2015, 77.0, HE),
    "ResNet50V1_5": (2016, 76.13, TORCHVISION),
    "ResNet101V1_5": (2016, 77.374, TORCHVISION),
    "ResNet152V1_5": (2016, 78.312, TORCHVISION),
    "ResNet18V2": (2016, None, None),
    "ResNet50V2": (2016, None, None),
    "ResNet101V2": (2016, None, None),
    "ResNet152V2": (2016, None, None),
    **dict.fromkeys(
        [f"ResNet{depth}" for depth in (20, 32, 44, 56, 110)]
        + [f"PlainNet{depth}" for depth in (20, 32, 44, 56, 110)]
        + ["ResNet20Projection", "ResNet56Projection"],
        (2015, None, None),
    ),
    "WideResNet28_10": (2016, None, None),
    "WideResNet50_2": (2016, 78.1, "szagoruyko/wide-residual-networks README"),
    "ResNeXt50": (2016, 77.8, "facebookresearch/ResNeXt README"),
    "ResNeXt101": (2016, 78.8, "facebookresearch/ResNeXt README"),
    "Xception": (2016, 79.006, APPLICATIONS),
    "DenseNet121": (2016, 75.0, DENSENET),
    "DenseNet161": (2016, 77.8, DENSENET),
    "DenseNet169": (2016, 76.4, DENSENET),
    "DenseNet201": (2016, 77.5, DENSENET),
    "DenseNet264": (2016, None, None),
    **dict.fromkeys(
        ["DenseNet40", "DenseNet100", "DenseNet100K24", "DenseNetC40"]
        + ["DenseNetBC100", "DenseNetBC190", "DenseNetBC250"],
        (2016, None, None),
    ),
    "SEInception": (2017, 76.38, SENET),
    "SEResNet50": (2017, 77.63, SENET),
    "SEResNet101": (2017, 78.25, SENET),
    "SEResNet152": (2017, 78.66, SENET),
    "SEResNeXt50": (2017, 79.03, SENET),
    "SEResNeXt101": (2017, 80.19, SENET),
    "SENet154": (2017, 81.32, SENET),
    "SKNet50": (2019, 79.21, "implus/SKNet README"),
    "SKNet101": (2019, 79.81, "implus/SKNet README"),
    "GCResNet50": (2019, None, None),
    "SqueezeNet1_0": (2016, 57.5, "paper, table 2"),
    "SqueezeNet1_1": (2016, 58.178, TORCHVISION),
    "MobileNetV1": (2017, 70.6, "paper, table 6"),
    "MobileNetV2": (2018, 72.0, "paper, table 4"),
    "MobileNetV3Large": (2019, 75.2, MOBILE),
    "MobileNetV3Small": (2019, 67.5, MOBILE),
    "MobileNetV3LargeMinimalistic": (2019, 72.3, MOBILE),
    "MobileNetV3SmallMinimalistic": (2019, 61.9, MOBILE),
    "ShuffleNetV1": (2017, 67.4, "paper, table 2"),
    "ShuffleNetV2": (2018, 69.4, "megvii-model/ShuffleNet-Series README"),
    "EfficientNetB0": (2019, 77.692, TORCHVISION),
    "EfficientNetB1": (2019, 78.642, TORCHVISION),
    "EfficientNetB2": (2019, 80.608, TORCHVISION),
    "EfficientNetB3": (2019, 82.008, TORCHVISION),
    "EfficientNetB4": (2019, 83.384, TORCHVISION),
    "EfficientNetB5": (2019, 83.444, TORCHVISION),
    "EfficientNetB6": (2019, 84.008, TORCHVISION),
    "EfficientNetB7": (2019, 84.122, TORCHVISION),
}

WEIGHTED = (
    keras.layers.Conv2D,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3D,
    keras.layers.Conv3DTranspose,
    keras.layers.DepthwiseConv2D,
    keras.layers.Dense,
    RadialBasis,
    SelectiveKernel,
    TableConv2D,
)


def depth(model):
    """Convolutions and dense layers on the longest way through the network.

    A separable convolution counts twice; the small networks inside an attention layer,
    which only weigh what passes, do not count.
    """
    longest, kept = {}, []
    for cost in layer_costs(model, None):
        own = 2 * isinstance(cost.operation, keras.layers.SeparableConv2D)
        own = own or isinstance(cost.operation, WEIGHTED)
        below = max((longest[id(tensor)] for tensor in cost.inputs), default=0)
        for tensor in cost.outputs:
            longest[id(tensor)] = below + own
        kept.append(cost)  # an id is free again once its tensor is gone
    return max(longest.values())


def without_values(entry, **arguments):
    with keras.StatelessScope(initialize_variables=False):
        return entry.build(**arguments)


def field(entry, image):
    """Side of the field of the last map; None without one image to have it in."""
    if entry.task in ("video", "generation") or image is None:
        return None
    features = without_values(entry, classes=None)
    size = receptive_field(features, input_size=image[:2], ignore_global=True).size
    return size if isinstance(size, int) else max(size)


def measure(name):
    """One row of the table, for a network of any task."""
    year, accuracy, source = PUBLISHED[name]
    entry = MODELS[name]
    model = without_values(entry)
    shapes = [tensor.shape[1:] for tensor in model.inputs]
    images = len(shapes[0]) > 1  # a generator reads a row of numbers
    return {
        "model": name,
        "year": year,
        "side": shapes[0][-3] if images else None,
        "params": count_params(model),
        "macs": count_macs(model),
        "depth": depth(model),
        "receptive_field": field(entry, shapes[0] if len(shapes) == 1 else None),
        "top1": accuracy,
        "source": source,
    }


def main():
    rows = []
    for name in MODELS:
        keras.utils.clear_session()
        rows.append(measure(name))
        print(*rows[-1].values(), flush=True)
    question = "Every registered model: cost, depth, field, a published accuracy"
    report("zoo", question, rows, "python benchmarks/zoo.py")


if __name__ == "__main__":
    main()
