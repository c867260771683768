"""Costs against numbers counted by others, and against counts done by hand.

The numbers of whole networks were counted with other tools on other
implementations: torchvision 0.28 and timm 1.0.31 (hooks on torch modules), Caffe's
prototxt of bvlc_alexnet, and a separate counter for keras.applications. Where Keras
differs from the original network, the row says why, and the difference is a number.
"""

import math
from typing import NamedTuple

import keras
import numpy as np
import pytest
from keras import layers

from companion.complexity import (
    complexity_table,
    count_activations,
    count_macs,
    count_params,
    layer_costs,
    memory_access_cost,
)
from companion.models import AlexNet


def without_weights(build, **arguments):
    """Build a model whose weights have shapes but no values: much quicker."""
    keras.utils.clear_session()
    with keras.StatelessScope(initialize_variables=False):
        return build(**arguments)


def split(table):
    """Multiply-adds of convolutions, and of dense layers."""
    layer_rows = table.drop("total")
    dense = layer_rows["type"] == "Dense"
    return layer_rows["macs"][~dense].sum(), layer_rows["macs"][dense].sum()


# AlexNet: numbers of BVLC/caffe models/bvlc_alexnet/deploy.prototxt.


def test_alexnet_equals_caffes_definition():
    model = without_weights(AlexNet)
    table = complexity_table(model)
    assert count_params(model) == 60_965_224
    assert count_macs(model) == 724_406_816
    assert split(table) == (665_784_864, 58_621_952)
    assert table.loc["total", "params"] == 60_965_224
    assert table.loc["total", "macs"] == 724_406_816


@pytest.mark.parametrize(
    "layer, params, macs",
    [  # Krizhevsky et al. (2012), Section 3.5, by hand
        ("conv1", 34_944, 105_415_200),
        ("conv2", 307_456, 27 * 27 * 256 * 5 * 5 * 48),
        ("conv3", 885_120, 13 * 13 * 384 * 3 * 3 * 256),
        ("conv4", 663_936, 13 * 13 * 384 * 3 * 3 * 192),
        ("conv5", 442_624, 13 * 13 * 256 * 3 * 3 * 192),
        ("fc6", 37_752_832, 6 * 6 * 256 * 4096),
        ("fc7", 4096 * 4096 + 4096, 4096 * 4096),
        ("fc8", 4_097_000, 4096 * 1000),
    ],
)
def test_alexnet_layer_by_layer(layer, params, macs):
    row = complexity_table(without_weights(AlexNet)).loc[layer]
    assert (row["params"], row["macs"]) == (params, macs)


def test_alexnet_has_the_papers_650_thousand_neurons():
    conv = 55 * 55 * 96 + 27 * 27 * 256 + 2 * 13 * 13 * 384 + 13 * 13 * 256
    assert count_activations(without_weights(AlexNet)) == conv + 2 * 4096 + 1000


# keras.applications


class Row(NamedTuple):
    """``params`` and ``frozen`` are the original network's, the rest says how
    Keras' own differs."""

    build: str
    side: int
    params: int
    frozen: int
    conv: int
    dense: int
    more_params: int = 0
    more_frozen: int = 0
    arguments: dict = {}  # noqa: RUF012


NO_GAMMA_V3, NO_GAMMA_RESNET = -34_432 // 2, -60_544 // 2  # one per BN channel
NORMALIZATION = 7  # mean and variance of 3 channels, and a counter
MINIMAL = {"minimalistic": True}

APPLICATIONS = [
    Row("VGG16", 224, 138_357_544, 0, 15_346_630_656, 123_633_664),
    # Keras' batch norm has no gamma in these two networks.
    Row("InceptionV3", 299, 23_834_568, 34_432, 5_711_168_096, 2_048_000, NO_GAMMA_V3),
    Row(
        "InceptionResNetV2",
        299,
        55_843_464,
        60_544,
        13_154_258_016,
        1_536_000,
        NO_GAMMA_RESNET,
    ),
    Row("Xception", 299, 22_855_952, 54_528, 8_355_355_496, 2_048_000),
    # Keras gives every convolution of a ResNet a bias (tested below).
    Row("ResNet50", 224, 25_557_032, 53_120, 3_855_925_248, 2_048_000, 26_560),
    Row("ResNet101", 224, 44_549_160, 105_344, 7_568_146_432, 2_048_000, 52_672),
    # In v2 only some have one (+19,008), and the stem has no batch norm
    # (-128 trained, -128 averages). Keras strides at the end of a stage, as TF-Slim
    # did, hence 3.48 and 10.91 G where the original counts 4.09 and 11.51 G.
    Row(
        "ResNet50V2",
        224,
        25_549_480,
        45_568,
        3_482_255_360 - 2_048_000,
        2_048_000,
        18_880,
        -128,
    ),
    Row(
        "ResNet152V2",
        224,
        60_185_256,
        143_872,
        10_906_697_728 - 2_048_000,
        2_048_000,
        51_648,
        -128,
    ),
    Row("DenseNet121", 224, 7_978_856, 83_648, 2_833_137_664, 1_024_000),
    Row("DenseNet169", 224, 14_149_480, 158_400, 3_358_179_328, 1_664_000),
    Row("DenseNet201", 224, 20_013_928, 229_056, 4_289_445_888, 1_920_000),
    Row(
        "MobileNetV2",
        224,
        1_677_128,
        14_080,
        58_005_808,
        1_280_000,
        0,
        0,
        {"alpha": 0.35},
    ),
    Row(
        "MobileNetV2",
        224,
        1_968_680,
        18_544,
        95_851_840,
        1_280_000,
        0,
        0,
        {"alpha": 0.5},
    ),
    Row("MobileNetV2", 224, 3_504_872, 34_112, 299_494_272, 1_280_000),
    Row(
        "MobileNetV2",
        224,
        5_386_792,
        44_256,
        507_710_560,
        1_664_000,
        0,
        0,
        {"alpha": 1.3},
    ),
    # Keras' classifier of MobileNetV3 is a 1x1 convolution: all conv, no dense.
    Row("MobileNetV3Large", 224, 5_483_032, 24_400, 216_589_760, 0),
    Row("MobileNetV3Large", 224, 3_924_288, 24_400, 209_136_704, 0, 0, 0, MINIMAL),
    # Keras' EfficientNets contain a layer that normalizes the image.
    Row(
        "EfficientNetB0",
        224,
        5_288_548,
        42_016,
        384_534_752,
        1_280_000,
        0,
        NORMALIZATION,
    ),
    Row(
        "EfficientNetB1",
        240,
        7_794_184,
        62_048,
        685_522_832,
        1_280_000,
        0,
        NORMALIZATION,
    ),
    Row(
        "EfficientNetB3",
        300,
        12_233_232,
        87_296,
        1_825_605_392,
        1_536_000,
        0,
        NORMALIZATION,
    ),
    Row(
        "EfficientNetB4",
        380,
        19_341_616,
        125_200,
        4_391_979_024,
        1_792_000,
        0,
        NORMALIZATION,
    ),
    Row(
        "EfficientNetB6",
        528,
        43_040_704,
        224_432,
        19_065_289_536,
        2_304_000,
        0,
        NORMALIZATION,
    ),
    Row(
        "EfficientNetB2",
        260,
        9_109_994,
        67_568,
        992_153_872,
        1_408_000,
        0,
        NORMALIZATION,
    ),
    Row("NASNetMobile", 224, 5_289_978, 36_738, 562_582_816, 1_056_000),
    # timm 1.0.31: convnext_tiny, tf_efficientnetv2_b0 and _s, tf_mobilenetv3_small_100
    Row("ConvNeXtTiny", 224, 28_589_128, 0, 292_965_120, 4_162_566_144),
    Row("EfficientNetV2B0", 224, 7_139_704, 60_608, 716_806_176, 1_280_000),
    Row("EfficientNetV2S", 384, 21_458_488, 153_872, 8_364_337_152, 1_280_000),
    Row("MobileNetV3Small", 224, 2_542_856, 12_112, 56_510_400, 0),
]


@pytest.mark.parametrize(
    "row",
    APPLICATIONS,
    ids=lambda row: "-".join(map(str, [row.build, *row.arguments.values()])),
)
def test_keras_applications(row):
    model = without_weights(
        getattr(keras.applications, row.build), weights=None, **row.arguments
    )
    table = complexity_table(model, (row.side, row.side, 3))
    total = table.loc["total"]
    assert count_params(model) == total["params"] == row.params + row.more_params
    assert total["non_trainable"] == row.frozen + row.more_frozen
    assert split(table) == (row.conv, row.dense)


MOBILENET = {  # alpha: (params, frozen, {side: multiply-adds}), all in convolutions
    1.0: (
        4_231_976,
        21_888,
        {224: 568_740_352, 160: 290_675_200, 128: 186_400_768},
    ),
    0.75: (
        2_585_560,
        16_416,
        {224: 325_400_448, 192: 239_273_472, 160: 166_396_800},
    ),
    0.5: (1_331_592, 10_944, {224: 149_497_088, 192: 109_970_432, 128: 49_160_192}),
    0.25: (470_072, 5_472, {192: 30_212_608, 160: 21_059_200}),
}


@pytest.mark.parametrize("alpha", MOBILENET)
def test_mobilenet_at_every_resolution(alpha):
    params, frozen, macs_at = MOBILENET[alpha]
    model = without_weights(keras.applications.MobileNet, weights=None, alpha=alpha)
    for side, macs in macs_at.items():
        total = complexity_table(model, (side, side, 3)).loc["total"]
        assert (total["params"], total["non_trainable"]) == (params, frozen)
        assert total["macs"] == count_macs(model, (side, side, 3)) == macs


def test_resnet50_of_keras_is_the_original_and_53_biases():
    model = without_weights(keras.applications.ResNet50, weights=None)
    convolutions = [at for at in model.layers if isinstance(at, layers.Conv2D)]
    assert len(convolutions) == 53
    biases = sum(at.filters for at in convolutions)
    assert count_params(model) - biases == 25_557_032  # torchvision's num_params


# Transposed convolutions: U-Net (2015) by its table, DCGAN as in pytorch/examples


def unet_2015():
    def twice(x, filters):
        for _ in range(2):
            x = layers.Conv2D(filters, 3, activation="relu")(x)
        return x

    image = x = keras.Input((572, 572, 1))
    skips = []
    for filters in (64, 128, 256, 512):
        x = twice(x, filters)
        skips.append(x)
        x = layers.MaxPooling2D(2)(x)
    x = twice(x, 1024)
    for skip in reversed(skips):
        x = layers.Conv2DTranspose(skip.shape[-1], 2, strides=2)(x)
        margin = (skip.shape[1] - x.shape[1]) // 2
        x = layers.Concatenate()([layers.Cropping2D(margin)(skip), x])
        x = twice(x, skip.shape[-1])
    return keras.Model(image, layers.Conv2D(2, 1)(x))


def dcgan_generator():
    noise = keras.Input((1, 1, 100))
    x = layers.Conv2DTranspose(512, 4, use_bias=False)(noise)
    for filters in (256, 128, 64, 3):
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.Conv2DTranspose(filters, 4, 2, "same", use_bias=False)(x)
    return keras.Model(noise, x)


def test_unet_of_2015():
    model = without_weights(unet_2015)
    assert model.output.shape == (None, 388, 388, 2)
    assert count_params(model) == 31_030_658
    assert count_macs(model) == 150_428_424_448


def test_dcgan_generator():
    model = without_weights(dcgan_generator)
    assert model.output.shape == (None, 64, 64, 3)
    assert count_params(model) == 3_576_704
    assert count_macs(model) == 104_628_224


def test_a_shared_layer_pays_for_each_call_but_is_stored_once():
    image = keras.Input((8, 8, 4))
    shared = layers.Conv2D(4, 3, padding="same", name="shared")
    model = keras.Model(image, shared(shared(image)))
    assert count_params(model) == 9 * 4 * 4 + 4
    assert count_macs(model) == 2 * 64 * 9 * 4 * 4
    rows = complexity_table(model).loc["shared"]
    assert list(rows["params"]) == [148, 0]
    assert list(rows["macs"]) == [9_216, 9_216]


def nested():
    block_image = keras.Input((None, None, 4))
    block = keras.Model(
        block_image,
        layers.Conv2D(4, 3, padding="same", name="conv")(block_image),
        name="block",
    )
    head = keras.Sequential([layers.GlobalAveragePooling2D(), layers.Dense(5)])
    image = keras.Input((8, 8, 4))
    return keras.Model(image, head(block(block(image))))


def test_nested_models_are_entered():
    model = nested()
    assert count_macs(model) == 2 * 64 * 9 * 4 * 4 + 4 * 5
    assert count_params(model) == 148 + 25
    table = complexity_table(model)
    calls = list(table["type"])
    assert calls == [
        "InputLayer",
        *["Conv2D"] * 2,
        "GlobalAveragePooling2D",
        "Dense",
        "",
    ]
    assert list(table.loc["block/conv", "output_shape"]) == ["8x8x4", "8x8x4"]
    assert table.loc["total", "params"] == 148 + 25


def test_branches_and_several_inputs():
    left, right = keras.Input((8, 8, 2)), keras.Input((8, 8, 3))
    x = layers.Concatenate()([left, right])
    x = layers.Conv2D(4, 1)(x) + layers.Conv2D(4, 3, padding="same")(left)
    model = keras.Model([left, right], x)
    assert count_macs(model) == 64 * (5 * 4 + 9 * 2 * 4)
    assert count_macs(model, [(4, 4, 2), (4, 4, 3)]) == 16 * (5 * 4 + 9 * 2 * 4)


def test_several_outputs_each_count_once():
    image = keras.Input((8, 8, 2))
    stem = layers.Conv2D(4, 3, padding="same")(image)
    heads = [layers.Conv2D(1, 1)(stem), layers.Dense(3)(layers.Flatten()(stem))]
    model = keras.Model(image, heads)
    assert count_macs(model) == 64 * 9 * 2 * 4 + 64 * 4 + 256 * 3
    assert count_activations(model) == 64 * 4 + 64 + 3


def test_a_nested_model_of_several_outputs():
    image = keras.Input((None, None, 2))
    fine = layers.Conv2D(4, 3, 2, "same", name="fine")(image)
    coarse = layers.Conv2D(4, 3, 2, "same", name="coarse")(fine)
    backbone = keras.Model(image, {"fine": fine, "coarse": coarse}, name="backbone")
    whole = keras.Input((8, 8, 2))
    maps = backbone(whole)
    heads = [layers.Conv2D(1, 1, name=key)(maps[key]) for key in ("fine", "coarse")]
    table = complexity_table(keras.Model(whole, heads))
    assert table.loc["backbone/fine", "macs"] == 16 * 9 * 2 * 4
    assert table.loc["backbone/coarse", "macs"] == 4 * 9 * 4 * 4
    assert (table.loc["fine", "macs"], table.loc["coarse", "macs"]) == (16 * 4, 4 * 4)


def test_a_layer_may_be_called_total():
    image = keras.Input((8,))
    table = complexity_table(keras.Model(image, layers.Dense(3, name="total")(image)))
    assert list(table.loc["total", "type"]) == ["Dense", ""]
    assert list(table.loc["total", "macs"]) == [24, 24]


def test_frozen_weights_are_listed_apart():
    image = keras.Input((8, 8, 2))
    x = layers.Conv2D(4, 1, trainable=False)(image)
    model = keras.Model(image, layers.BatchNormalization()(x))
    total = complexity_table(model).loc["total"]
    assert count_params(model) == total["params"] == 8
    assert total["non_trainable"] == 12 + 8


def test_memory_is_weights_and_outputs_in_float32():
    image = keras.Input((8, 8, 2), name="image")
    model = keras.Model(image, layers.Conv2D(4, 1, name="conv")(image))
    memory = complexity_table(model)["memory_MB"]
    assert memory["image"] == pytest.approx(4 * 128 / 1e6, rel=1e-12)
    assert memory["conv"] == pytest.approx(4 * (12 + 256) / 1e6, rel=1e-12)
    assert memory["total"] == pytest.approx(4 * (128 + 12 + 256) / 1e6, rel=1e-12)


def test_unknown_sizes_ask_for_an_input_shape():
    image = keras.Input((None, None, 3))
    model = keras.Model(image, layers.Conv2D(16, 3)(image))
    for measure in count_macs, count_activations, memory_access_cost, complexity_table:
        with pytest.raises(
            ValueError, match=r"input_shape=\(height, width, channels\)"
        ):
            measure(model)
    with pytest.raises(ValueError, match=r"Received: input_shape=\(32, None, 3\)"):
        count_macs(model, (32, None, 3))
    assert count_macs(model, (32, 30, 3)) == 30 * 28 * 16 * 9 * 3


@pytest.mark.parametrize("shape", [32, (32, 32), (1, 32, 32, 3), [(32, 32, 3)]])
def test_an_input_shape_is_one_shape_for_each_input(shape):
    image = keras.Input((32, 32, 3))
    model = keras.Model(image, layers.Conv2D(16, 3)(image))
    with pytest.raises(ValueError, match="without the batch") as error:
        count_macs(model, shape)
    assert f"Received: input_shape={shape}" in str(error.value)
    other = keras.Input((5,))
    two = keras.Model([image, other], [image, layers.Dense(1)(other)])
    with pytest.raises(ValueError, match="one shape for each input"):
        count_macs(two, (32, 32, 3))


def test_images_that_the_model_cannot_take():
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, name="conv")(image)
    model = keras.Model(image, layers.Dense(5, name="dense")(layers.Flatten()(x)))
    with pytest.raises(ValueError, match=r"'dense' was built for.*\(1, 400\).*144"):
        count_macs(model, (12, 12, 3))
    with pytest.raises(ValueError, match=r"'conv' was built for.*\(1, 8, 8, 1\)"):
        count_macs(model, (8, 8, 1))


# Memory access cost: ShuffleNetV2 (Ma et al., ECCV 2018), Section 2.


@pytest.mark.parametrize("c1, c2", [(64, 64), (32, 128), (24, 240)])
def test_guideline_1_of_shufflenet_v2(c1, c2):
    image = keras.Input((28, 28, c1))
    model = keras.Model(image, layers.Conv2D(c2, 1)(image))
    assert memory_access_cost(model) == 28 * 28 * (c1 + c2) + c1 * c2
    assert memory_access_cost(model) >= 2 * math.sqrt(784 * count_macs(model)) + c1 * c2


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_guideline_2_of_shufflenet_v2(groups):
    image = keras.Input((28, 28, 64))
    model = keras.Model(image, layers.Conv2D(64, 1, groups=groups)(image))
    assert memory_access_cost(model) == 784 * 128 + 64 * 64 // groups


def test_memory_access_of_other_layers_by_hand():
    image = keras.Input((28, 28, 8))
    strided = keras.Model(image, layers.Conv2D(6, 3, 2, "same")(image))
    assert memory_access_cost(strided) == 784 * 8 + 196 * 6 + 9 * 8 * 6
    depthwise = keras.Model(image, layers.DepthwiseConv2D(3, padding="same")(image))
    assert memory_access_cost(depthwise) == 784 * 16 + 9 * 8
    wrapped = layers.SpectralNormalization(layers.Conv2D(6, 3, 2, "same"))
    wrapped = keras.Model(image, wrapped(image))
    assert memory_access_cost(wrapped) == memory_access_cost(strided)
    pooled = keras.Model(image, layers.MaxPooling2D()(image))
    assert memory_access_cost(pooled) == 0


def test_memory_access_of_a_separable_convolution_is_that_of_its_two_halves():
    image = keras.Input((28, 28, 8))
    x = layers.DepthwiseConv2D(3, use_bias=False)(image)
    halves = keras.Model(image, layers.Conv2D(6, 1)(x))
    whole = keras.Model(image, layers.SeparableConv2D(6, 3)(image))
    assert memory_access_cost(whole) == memory_access_cost(halves)


def test_memory_access_of_every_layer_by_hand():
    """Reads and writes: convolution, normalization, ReLU, concatenation, pooling."""
    image = keras.Input((8, 8, 4))
    x = layers.Conv2D(4, 1)(image)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Concatenate()([x, image])
    x = layers.Flatten()(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(image, x)
    convolution, joined, pooled = 2 * 256 + 16, 2 * 512, 512 + 8
    assert memory_access_cost(model) == convolution
    assert memory_access_cost(model, of="fused") == convolution + joined + pooled
    in_place = (2 * 256 + 16) + 2 * 256
    everything = convolution + 4 + in_place + joined + pooled
    assert memory_access_cost(model, of="all") == everything
    with pytest.raises(ValueError, match=r"`of` must be one of.*Received: of='none'"):
        memory_access_cost(model, of="none")


def test_memory_access_of_a_product_with_a_constant():
    image = keras.Input((12, 7))
    product = keras.ops.matmul(image, np.ones((7, 5), "float32"))
    model = keras.Model(image, product)
    assert memory_access_cost(model) == 12 * 7 + 7 * 5 + 12 * 5


def test_a_frozen_network_keeps_its_size():
    image = keras.Input((8, 8, 3))
    x = layers.BatchNormalization()(layers.Conv2D(16, 3)(image))
    model = keras.Model(image, layers.Dense(5)(x))
    size = 448 + 32 + 85
    assert count_params(model) == count_params(model, frozen=True) == size
    model.layers[1].trainable = False
    assert (count_params(model), count_params(model, frozen=True)) == (size - 448, size)
    model.trainable = False
    assert (count_params(model), count_params(model, frozen=True)) == (0, size)


def test_types_of_the_results():
    image = keras.Input((8, 8, 3), name="image")
    model = keras.Model(image, layers.Conv2D(16, 3, name="conv")(image))
    counts = count_params, count_macs, count_activations, memory_access_cost
    assert {type(count(model)) for count in counts} == {int}
    first, second = layer_costs(model)
    assert (first.name, first.operation, first.inputs, first.macs) == (
        "image",
        None,
        [],
        0,
    )
    assert (second.name, second.values, second.macs) == ("conv", 576, 36 * 27 * 16)
    kinds = complexity_table(model).dtypes
    whole = ["params", "non_trainable", "macs", "activations"]
    assert set(kinds[whole]) == {np.dtype("int64")}
    assert kinds["memory_MB"] == np.dtype("float64")
