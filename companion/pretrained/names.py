"""What the published files call the layers of the companion's models.

A function, or a table, takes the name of our layer to the name in the file, or to
several where a layer of ours does the work of several. ``"name.2"`` is the weight of
index 2 of a layer in the file. ``"conv2d:7"`` is the layer of index 7 among those that
Keras has numbered itself (``conv2d``, ``conv2d_1``, ...), in the order in which the
network was written down.
"""

import re

from companion.models.mobilenet_v2 import TABLE as MOBILENET_V2_TABLE

# keras.applications -------------------------------------------------------------------


def resnet_keras(layer):
    """conv3_1_2_bn is conv3_block1_2_bn; the shortcut is number 0 of its block."""
    if layer == "fc":
        return "predictions"
    name, bn = re.subn("_bn$", "", layer)
    parts = name.replace("shortcut", "0").split("_")
    if len(parts) > 1:
        parts[1] = f"block{parts[1]}"
    return "_".join([*parts, "bn" if bn else "conv"])


def resnet_npm(layer):
    """conv3_1_2_bn is bn3a_branch2b, as in the Caffe network of the authors."""
    name, bn = re.subn("_bn$", "", layer)
    if name in ("conv1", "fc"):
        return {"conv1": "bn_conv1" if bn else "conv1", "fc": "fc1000"}[name]
    stage, block, part = re.fullmatch(r"conv(\d)_(\d+)_(\w+)", name).groups()
    branch = "1" if part == "shortcut" else "2" + "abc"[int(part) - 1]
    return f"{'bn' if bn else 'res'}{stage}{'abcdef'[int(block) - 1]}_branch{branch}"


def vgg_keras(layer):
    dense = {"fc6": "fc1", "fc7": "fc2", "fc8": "predictions"}
    return dense.get(layer) or f"block{layer[4]}_conv{layer[6]}"


def densenet_keras(layer):
    """block1_2_1 is conv2_block2_1_conv; its normalization has the number before."""
    if layer in ("fc", "last_bn"):
        return {"fc": "predictions", "last_bn": "bn"}[layer]
    name, bn = re.subn("_bn$", "", layer)
    kind = "bn" if bn else "conv"
    if name == "conv1":
        return f"conv1_{kind}"
    if name.startswith("transition"):
        return f"pool{int(name[-1]) + 1}_{kind}"
    block, unit, part = map(int, re.fullmatch(r"block(\d)_(\d+)_(\d)", name).groups())
    return f"conv{block + 1}_block{unit}_{part - bn}_{kind}"


def mobilenet_v1_keras(layer):
    if layer == "fc":
        return "conv_preds"
    layer = re.sub(r"block(\d+)_depthwise", r"conv_dw_\1", layer)
    return re.sub(r"block(\d+)_pointwise", r"conv_pw_\1", layer)


def mobilenet_v2_table():
    """block2_1_expand_bn is block_1_expand_BN: blocks are numbered through, from 0."""
    blocks = [
        f"block{row}_{number}"
        for row, (_, _, repetitions, _) in enumerate(MOBILENET_V2_TABLE, start=1)
        for number in range(1, repetitions + 1)
    ]
    table = {"conv1": "Conv1", "conv1_bn": "bn_Conv1", "fc": "predictions"}
    table |= {"conv2": "Conv_1", "conv2_bn": "Conv_1_bn"}
    for index, block in enumerate(blocks):
        theirs = f"block_{index}" if index else "expanded_conv"
        for part in ("expand", "depthwise", "project"):
            table[f"{block}_{part}"] = f"{theirs}_{part}"
            table[f"{block}_{part}_bn"] = f"{theirs}_{part}_BN"
    return table


MOBILENET_V2 = mobilenet_v2_table()


def mobilenet_v3_keras(layer):
    """block2_expand_bn is expanded_conv_1_expand_bn; a gate is two convolutions."""
    outside = {
        "conv1": "conv",
        "conv1_bn": "conv_bn",
        "conv2": "conv_1",
        "conv2_bn": "conv_1_bn",
        "fc1": "conv_2",
        "fc2": "logits",
    }
    if layer in outside:
        return outside[layer]
    block, part = re.fullmatch(r"block(\d+)_(\w+)", layer).groups()
    unit = f"expanded_conv_{int(block) - 1}" if block != "1" else "expanded_conv"
    if part == "excite":
        gate = f"{unit}_squeeze_excite_conv"
        return gate, f"{gate}_1"
    return f"{unit}_{part}"


def efficientnet_keras(layer):
    """stage2_1_depthwise is block1a_dwconv."""
    outside = {
        "stage1": "stem_conv",
        "stage1_bn": "stem_bn",
        "stage9": "top_conv",
        "stage9_bn": "top_bn",
        "fc": "predictions",
    }
    if layer in outside:
        return outside[layer]
    stage, number, part = layer.removeprefix("stage").split("_", 2)
    block = f"block{int(stage) - 1}{chr(ord('a') + int(number) - 1)}_"
    if part == "se":
        return f"{block}se_reduce", f"{block}se_expand"
    parts = {
        "expand": "expand_conv",
        "expand_bn": "expand_bn",
        "depthwise": "dwconv",
        "depthwise_bn": "bn",
        "project": "project_conv",
        "project_bn": "project_bn",
    }
    return block + parts[part]


def mobilenet_v1_tflite(layer):
    """block3_depthwise is Conv2d_3_depthwise; its normalization was folded into it."""
    name, bn = re.subn("_bn$", "", layer)
    if name == "fc":
        return "Conv2d_1c_1x1"
    name = name.replace("block", "Conv2d_") if name != "conv1" else "Conv2d_0"
    return f"{name}.norm" if bn else name


def xception_keras(layer):
    """A depthwise and a pointwise kernel are in one layer; shortcuts are numbered."""
    if layer == "fc":
        return "predictions"
    if match := re.fullmatch(r"block(\d+)_shortcut(_bn)?", layer):
        index = ("2", "3", "4", "13").index(match[1])
        return f"{'batch_normalization' if match[2] else 'conv2d'}:{index}"
    if match := re.fullmatch(r"conv(\d)(_bn)?", layer):
        return f"block1_conv{match[1]}{match[2] or ''}"
    block, number, part = re.fullmatch(r"(block\d+)_(\d)_(\w+)", layer).groups()
    end = {"depthwise": ".0", "pointwise": ".1", "pointwise_bn": "_bn"}[part]
    return f"{block}_sepconv{number}{end}"


def numbered(stem, modules):
    """Convolutions with their normalizations, in the order in which Keras made them."""
    created = stem.split() + [
        f"{module}_{branch}"
        for names, branches in modules
        for module in names.split()
        for branch in branches.split()
    ]
    table = {layer: f"conv2d:{index}" for index, layer in enumerate(created)}
    return table | {
        f"{layer}_bn": f"batch_normalization:{index}"
        for index, layer in enumerate(created)
    }


STEM = "conv1 conv2 conv3 conv4 conv5"
MIXED = "1x1 5x5_reduce 5x5 double3x3_reduce double3x3_1 double3x3_2 pool_proj"

INCEPTION_V3 = {"fc": "predictions"} | numbered(
    STEM,
    (
        ("mixed_5b mixed_5c mixed_5d", MIXED),
        ("mixed_6a", "3x3 double3x3_reduce double3x3_1 double3x3_2"),
        (
            "mixed_6b mixed_6c mixed_6d mixed_6e",
            "1x1 7x7_reduce 7x7_1 7x7_2 double7x7_reduce double7x7_1 double7x7_2 "
            "double7x7_3 double7x7_4 pool_proj",
        ),
        ("mixed_7a", "3x3_reduce 3x3 7x7_reduce 7x7_1 7x7_2 7x7_3"),
        (
            "mixed_7b mixed_7c",
            "1x1 3x3_reduce 3x3_1 3x3_2 double3x3_reduce double3x3 double3x3_1 "
            "double3x3_2 pool_proj",
        ),
    ),
)


def inception_resnet_v2_table():
    def modules(kind, last):
        return [f"inception_{kind}{number}" for number in range(1, last + 1)]

    a, b, c = modules("a", 10), modules("b", 20), modules("c", 9)
    c.append("last_inception_c")
    table = {"fc": "predictions", "conv7": "conv_7b", "conv7_bn": "conv_7b_bn"}
    for block, names in (("block35", a), ("block17", b), ("block8", c)):
        for number, name in enumerate(names, start=1):
            table[f"{name}_expand"] = f"{block}_{number}_conv"
    return table | numbered(
        STEM,
        (
            ("mixed", MIXED),
            (
                " ".join(a),
                "1x1 3x3_reduce 3x3 double3x3_reduce double3x3_1 double3x3_2",
            ),
            ("reduction_a", "3x3 double3x3_reduce double3x3_1 double3x3_2"),
            (" ".join(b), "1x1 7x7_reduce 7x7_1 7x7_2"),
            (
                "reduction_b",
                "3x3a_reduce 3x3a 3x3b_reduce 3x3b double3x3_reduce double3x3_1 "
                "double3x3_2",
            ),
            (" ".join(c), "1x1 3x3_reduce 3x3_1 3x3_2"),
        ),
    )


INCEPTION_RESNET_V2 = inception_resnet_v2_table()

# torchvision and timm: dotted names of modules ----------------------------------------

ALEXNET_TORCH = {
    "conv1": "features.0",
    "conv2": "features.3",
    "conv3": "features.6",
    "conv4": "features.8",
    "conv5": "features.10",
    "fc6": "classifier.1",
    "fc7": "classifier.4",
    "fc8": "classifier.6",
}


def vgg_table(counts):
    """Convolution, ReLU, ... and a pooling after each stage, numbered through."""
    table = {"fc6": "classifier.0", "fc7": "classifier.3", "fc8": "classifier.6"}
    index = 0
    for stage, count in enumerate(counts, start=1):
        for number in range(1, count + 1):
            table[f"conv{stage}_{number}"] = f"features.{index}"
            index += 2
        index += 1
    return table


VGG_TORCH = {
    11: vgg_table((1, 1, 2, 2, 2)),
    13: vgg_table((2, 2, 2, 2, 2)),
    16: vgg_table((2, 2, 3, 3, 3)),
    19: vgg_table((2, 2, 4, 4, 4)),
}


def in_order(table):
    """Conv_0, Conv_1, ... for the convolutions of a table, as flax numbers them."""
    layers = [layer for layer, theirs in table.items() if theirs.startswith("features")]
    return {layer: f"Conv_{number}" for number, layer in enumerate(layers)}


def resnet_torch(layer):
    """conv3_1_2_bn is layer2.0.bn2; the shortcut is layer2.0.downsample."""
    name, bn = re.subn("_bn$", "", layer)
    if name in ("conv1", "fc"):
        return "bn1" if bn else name
    stage, block, part = re.fullmatch(r"conv(\d)_(\d+)_(\w+)", name).groups()
    unit = f"layer{int(stage) - 1}.{int(block) - 1}"
    if part == "shortcut":
        return f"{unit}.downsample.{bn}"
    return f"{unit}.{'bn' if bn else 'conv'}{part}"


def cifar_resnet_torch(layer):
    """As `resnet_torch`; the names of shortcuts and of the dense layer are others."""
    if layer == "fc":
        return "linear"
    return resnet_torch(layer).replace("downsample", "shortcut")


def senet_torch(layer):
    """conv3_1_2_bn is layer2.0.bn2; both layers of a gate are convolutions."""
    name, bn = re.subn("_bn$", "", layer)
    kind = "bn" if bn else "conv"
    if name == "fc":
        return "last_linear"
    if name.startswith("conv1"):
        return f"layer0.{kind}{name.partition('_')[2] or 1}"
    if name.endswith("_se"):
        gate = resnet_torch(name.removesuffix("se") + "1").removesuffix("conv1")
        return f"{gate}se_module.fc1", f"{gate}se_module.fc2"
    return resnet_torch(layer)


def densenet_torch(layer):
    """block1_2_1 is denseblock1.denselayer2.conv1, under ``features``."""
    if layer == "fc":
        return "classifier"
    name, bn = re.subn("_bn$", "", layer)
    kind = "norm" if bn else "conv"
    if name in ("conv1", "last"):
        return f"features.{kind}{0 if name == 'conv1' else 5}"
    if name.startswith("transition"):
        return f"features.{name}.{kind}"
    block, unit, part = re.fullmatch(r"block(\d)_(\d+)_(\d)", name).groups()
    return f"features.denseblock{block}.denselayer{unit}.{kind}{part}"


def squeezenet_table(fires):
    """The fire modules by the indices of the modules that they are in ``features``."""
    table = {"conv1": "features.0", "conv10": "classifier.1"}
    for number, index in enumerate(fires, start=2):
        table[f"fire{number}_squeeze1x1"] = f"features.{index}.squeeze"
        table[f"fire{number}_expand1x1"] = f"features.{index}.expand1x1"
        table[f"fire{number}_expand3x3"] = f"features.{index}.expand3x3"
    return table


SQUEEZENET_TORCH = {
    0: squeezenet_table((3, 4, 5, 7, 8, 9, 10, 12)),
    1: squeezenet_table((3, 4, 6, 7, 9, 10, 11, 12)),
}


def mobilenet_v2_torch():
    """Blocks are features.1 to features.17; the first has no expansion."""
    table = {"fc": "classifier.1"}
    for ours, index in (("conv1", 0), ("conv2", 18)):
        table[ours] = f"features.{index}.0"
        table[f"{ours}_bn"] = f"features.{index}.1"
    blocks = dict.fromkeys(
        layer.rpartition("_")[0] for layer in MOBILENET_V2 if layer.endswith("_project")
    )
    for index, block in enumerate(blocks, start=1):
        first = 0 if index == 1 else 1
        parts = {
            "expand": "0.0",
            "expand_bn": "0.1",
            "depthwise": f"{first}.0",
            "depthwise_bn": f"{first}.1",
            "project": f"{first + 1}",
            "project_bn": f"{first + 2}",
        }
        for ours, theirs in parts.items():
            if index > 1 or not ours.startswith("expand"):
                table[f"{block}_{ours}"] = f"features.{index}.conv.{theirs}"
    return table


MOBILENET_V2_TORCH = mobilenet_v2_torch()


def shufflenet_v2_torch(layer):
    """stage3_1_2_bn is stage3.0.branch2.4; the shortcut is branch1."""
    name, bn = re.subn("_bn$", "", layer)
    if name in ("conv1", "conv5"):
        return f"{name}.{bn}"
    if name == "fc":
        return "fc"
    stage, unit, part = re.fullmatch(r"(stage\d)_(\d)_(\w+)", name).groups()
    branch = 1 if part.startswith("shortcut") else 2
    index = {"shortcut_1": 0, "shortcut_2": 2, "1": 0, "2": 3, "3": 5}[part] + bn
    return f"{stage}.{int(unit) - 1}.branch{branch}.{index}"
