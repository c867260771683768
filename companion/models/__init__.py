"""Networks of the course, one paper per file, as functions that return a Keras model.

>>> from companion import models
>>> models.MODELS["AlexNet"].params
60965224
"""

from companion.models.alexnet import AlexNet, CaffeNet
from companion.models.alexnet_one_tower import AlexNetOneTower
from companion.models.densenet import (
    DenseNet40,
    DenseNet100,
    DenseNet100K24,
    DenseNet121,
    DenseNet161,
    DenseNet169,
    DenseNet201,
    DenseNet264,
    DenseNetBC100,
    DenseNetBC190,
    DenseNetBC250,
    DenseNetC40,
)
from companion.models.efficientnet import (
    EfficientNetB0,
    EfficientNetB1,
    EfficientNetB2,
    EfficientNetB3,
    EfficientNetB4,
    EfficientNetB5,
    EfficientNetB6,
    EfficientNetB7,
)
from companion.models.gcnet import GCResNet50
from companion.models.googlenet import GoogLeNet
from companion.models.inception_resnet import InceptionResNetV1, InceptionResNetV2
from companion.models.inception_v2 import InceptionV2
from companion.models.inception_v3 import InceptionV3
from companion.models.inception_v4 import InceptionV4
from companion.models.lenet import LeNet5, LeNet5Modern
from companion.models.mobilenet_v1 import MobileNetV1
from companion.models.mobilenet_v2 import MobileNetV2
from companion.models.mobilenet_v3 import (
    MobileNetV3Large,
    MobileNetV3LargeMinimalistic,
    MobileNetV3Small,
    MobileNetV3SmallMinimalistic,
)
from companion.models.nin import NiN, NiNCIFAR
from companion.models.registry import MODELS, Entry, register
from companion.models.resnet import ResNet18, ResNet34, ResNet50, ResNet101, ResNet152
from companion.models.resnet_cifar import (
    PlainNet20,
    PlainNet32,
    PlainNet44,
    PlainNet56,
    PlainNet110,
    ResNet20,
    ResNet20Projection,
    ResNet32,
    ResNet44,
    ResNet56,
    ResNet110,
)
from companion.models.resnet_v1_5 import ResNet50V1_5, ResNet101V1_5, ResNet152V1_5
from companion.models.resnet_v2 import ResNet18V2, ResNet50V2, ResNet101V2, ResNet152V2
from companion.models.resnext import ResNeXt50, ResNeXt101
from companion.models.senet import (
    SEInception,
    SENet154,
    SEResNet50,
    SEResNet101,
    SEResNet152,
    SEResNeXt50,
    SEResNeXt101,
)
from companion.models.shufflenet_v1 import ShuffleNetV1
from companion.models.shufflenet_v2 import ShuffleNetV2
from companion.models.sknet import SKNet50, SKNet101
from companion.models.squeezenet import SqueezeNet1_0, SqueezeNet1_1
from companion.models.vgg import VGG11, VGG13, VGG16, VGG19
from companion.models.wide_resnet import WideResNet28_10, WideResNet50_2
from companion.models.xception import Xception

__all__ = [
    "MODELS",
    "VGG11",
    "VGG13",
    "VGG16",
    "VGG19",
    "AlexNet",
    "AlexNetOneTower",
    "CaffeNet",
    "DenseNet40",
    "DenseNet100",
    "DenseNet100K24",
    "DenseNet121",
    "DenseNet161",
    "DenseNet169",
    "DenseNet201",
    "DenseNet264",
    "DenseNetBC100",
    "DenseNetBC190",
    "DenseNetBC250",
    "DenseNetC40",
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
    "Entry",
    "GCResNet50",
    "GoogLeNet",
    "InceptionResNetV1",
    "InceptionResNetV2",
    "InceptionV2",
    "InceptionV3",
    "InceptionV4",
    "LeNet5",
    "LeNet5Modern",
    "MobileNetV1",
    "MobileNetV2",
    "MobileNetV3Large",
    "MobileNetV3LargeMinimalistic",
    "MobileNetV3Small",
    "MobileNetV3SmallMinimalistic",
    "NiN",
    "NiNCIFAR",
    "PlainNet20",
    "PlainNet32",
    "PlainNet44",
    "PlainNet56",
    "PlainNet110",
    "ResNeXt50",
    "ResNeXt101",
    "ResNet18",
    "ResNet18V2",
    "ResNet20",
    "ResNet20Projection",
    "ResNet32",
    "ResNet34",
    "ResNet44",
    "ResNet50",
    "ResNet50V1_5",
    "ResNet50V2",
    "ResNet56",
    "ResNet101",
    "ResNet101V1_5",
    "ResNet101V2",
    "ResNet110",
    "ResNet152",
    "ResNet152V1_5",
    "ResNet152V2",
    "SEInception",
    "SENet154",
    "SEResNeXt50",
    "SEResNeXt101",
    "SEResNet50",
    "SEResNet101",
    "SEResNet152",
    "SKNet50",
    "SKNet101",
    "ShuffleNetV1",
    "ShuffleNetV2",
    "SqueezeNet1_0",
    "SqueezeNet1_1",
    "WideResNet28_10",
    "WideResNet50_2",
    "Xception",
    "register",
]
