"""Fields along the graph of a model: branches, merges, nested and shared models."""

import keras
import pytest
from keras import layers, ops

from companion import receptive_field as rf
from companion.layers import SqueezeExcite

from .nets import assert_probe_agrees, conv, gated, image_input, numbers, padded, pool


def graph_1(pooled=False):
    """The branches fit together unless 4 divides the image size with remainder 1."""
    image = image_input()
    left = conv(image, 1, 4, "valid")
    right = padded(image, ((1, 0), (1, 0)))
    step = pool if pooled else conv
    right = step(step(right, 3, 2, "valid"), 1, 2, "valid")
    return image, layers.Add(name="output")([left, right])


@pytest.mark.parametrize("size", [None, 32, (34, 35)])
@pytest.mark.parametrize("pooled", [False, True])
def test_two_branches_with_explicit_padding(pooled, size):
    field = rf.receptive_field(keras.Model(*graph_1(pooled)), input_size=size)
    assert numbers(field) == (3, 4, -1)
    assert field.aligned


def test_branches_that_do_not_fit_together():
    model = keras.Model(*graph_1())
    with pytest.raises(ValueError, match=r"'output'.*equally many rows.*\(9, 8\)"):
        rf.receptive_field(model, input_size=(33, 32))
    image = image_input()
    never = layers.Add()([layers.Cropping2D(1)(image), image])
    with pytest.raises(ValueError, match="equally many"):
        rf.receptive_field(keras.Model(image, never))


def test_misaligned_branches():
    image = image_input(33)
    left = conv(padded(image, ((2, 1), (2, 1))), 5, 2, "valid", name="left")
    right = layers.MaxPooling2D(1, 2, name="right")(
        conv(conv(image, 3, 1, "valid"), 3, 1, "valid")
    )
    model = keras.Model(image, layers.Add(name="sum")([left[:, :15, :15], right]))
    field = rf.receptive_field(model)
    assert not field.aligned
    assert field.region(0, 0) == rf.Region(-2, -2, 5, 5)
    (note,) = field.notes
    assert "sum" in note and "'right'" in note
    assert "(0, 0)" in note and "(2, 2)" in note
    assert rf.receptive_field(model, "left").aligned
    table = rf.receptive_field_table(model).set_index("layer")
    assert not table.loc["sum", "aligned"] and table.loc["right", "aligned"]


def test_kernels_that_are_not_square():
    image = image_input()
    model = keras.Model(
        image, conv(conv(image, (3, 5), 2, "valid"), (3, 1), 2, "valid")
    )
    field = rf.receptive_field(model)
    assert numbers(field) == ((7, 5), 4, 0)
    assert numbers(rf.compose([((3, 5), 2, 0, 1), ((3, 1), 2, 0, 1)])) == ((7, 5), 4, 0)


def test_two_stages_of_branches():
    image, x = graph_1()
    left = conv(x, 1, 2, "valid")
    right = conv(padded(x, ((1, 0), (1, 0))), 3, 2, "valid")
    field = rf.receptive_field(keras.Model(image, layers.Add()([left, right])))
    assert numbers(field) == (11, 8, -5)


def test_skip_connection_over_upsampling():
    image = image_input(32)
    down = conv(layers.MaxPooling2D(2)(conv(image, 3)), 3)
    up = layers.UpSampling2D(2, name="up")(down)
    x = conv(layers.Concatenate()([conv(image, 3), up]), 3)
    model = keras.Model(image, x)
    field = rf.receptive_field(model)
    assert field.aligned and field.stride == 1
    assert_probe_agrees(model, least=100)
    assert rf.receptive_field(model, "up").aligned
    assert (
        rf.receptive_field(
            keras.Sequential([image_input(8), layers.UpSampling2D(4)])
        ).stride
        == 0.25
    )


def unet(size, padding):
    """Two levels; the skips are cropped where there is no padding."""
    image = x = image_input(size)
    skips = []
    for level in range(2):
        x = conv(conv(x, 3, padding=padding), 3, padding=padding)
        skips.append(x)
        x = layers.MaxPooling2D(2, name=f"down{level}")(x)
    x = conv(conv(x, 3, padding=padding), 3, padding=padding)
    for skip in reversed(skips):
        x = layers.Conv2DTranspose(1, 2, 2)(x)
        if padding == "valid":
            margin = (skip.shape[1] - x.shape[1]) // 2
            skip = layers.Cropping2D(margin)(skip)
        x = layers.Concatenate()([skip, x])
        x = conv(conv(x, 3, padding=padding), 3, padding=padding)
    return keras.Model(image, x)


def test_unet_reads_multiples_of_4():
    known, unknown = unet(64, "same"), unet(None, "same")
    field, of_any_size = rf.receptive_field(known), rf.receptive_field(unknown)
    assert numbers(field) == numbers(of_any_size) == (44, 1, -22)
    assert field.aligned and of_any_size.aligned
    assert_probe_agrees(known, least=400)
    table = rf.receptive_field_table(unknown, input_size=32).set_index("layer")
    assert table.loc["down1", "output shape"] == (8, 8, 1)
    table = rf.receptive_field_table(unknown).set_index("layer")
    assert table.loc["down1", "output shape"] == (None, None, 1)
    with pytest.raises(ValueError, match=r"concatenate.*\(17, 17\).*\(16, 16\)"):
        rf.receptive_field(unknown, input_size=35)


def test_unet_without_padding_against_the_probe():
    model = unet(60, "valid")
    field = rf.receptive_field(model)
    assert field.aligned and numbers(field) == (44, 1, 0)
    assert assert_probe_agrees(model) == 20 * 20  # no field leaves the image


def test_whole_image_after_global_operations():
    image = image_input((20, 30))
    x = conv(image, 3, 2, name="conv")
    y = layers.GlobalAveragePooling2D(name="pooled")(x)
    z = layers.Dense(3, name="head")(layers.Flatten(name="flat")(x))
    model = keras.Model(image, layers.Concatenate(name="both")([y, z]))
    for name in ("pooled", "flat", "head", "both"):
        field = rf.receptive_field(model, name)
        assert (field.size, field.stride, field.offset) == ((20, 30), 0, 0)
        assert field.is_global
        assert field.region(0, 0) == rf.Region(0, 0, 20, 30)
    assert not rf.receptive_field(model, "conv").is_global
    assert rf.probe_receptive_field(model).region(0, 0) == rf.Region(0, 0, 20, 30)


def test_global_pooling_sees_only_what_its_input_has_seen():
    image = image_input(10)
    x = layers.GlobalMaxPooling2D()(conv(image, 3, 4, "valid"))
    model = keras.Model(image, x)
    field = rf.receptive_field(model)
    assert field.region(0, 0) == rf.Region(0, 0, 7, 7)
    assert rf.probe_receptive_field(model).region(0, 0) == rf.Region(0, 0, 7, 7)


def test_units_behind_a_global_operation():
    image = image_input(16)
    x = layers.Dense(4 * 4 * 2)(layers.Flatten()(conv(image, 3, 2)))
    x = layers.Reshape((4, 4, 2), name="map")(x)
    x = layers.Conv2DTranspose(3, 4, 2, "same", name="up")(x)
    x = layers.Lambda(lambda x: x[:, 1:], output_shape=(7, 8, 3), name="cut")(x)
    model = keras.Model(image, conv(x, 3, padding="valid", name="last"))
    field = rf.receptive_field(model)
    assert field.units == (5, 6)
    assert field.region(4, 5) == rf.Region(0, 0, 16, 16)
    with pytest.raises(ValueError, match=r"\(5, 6\) units"):
        field.region(5, 0)
    shapes = rf.receptive_field_table(model).set_index("layer")["output shape"]
    assert shapes["map"] == (4, 4, 2) and shapes["up"] == (8, 8, 3)
    assert shapes["cut"] == (7, 8, 3) and shapes["last"] == (5, 6, 1)


def test_squeeze_excite_gate():
    image = image_input(16)
    model = keras.Model(image, conv(gated(conv(image, 3), "scale"), 3))
    assert numbers(rf.receptive_field(model)) == (16, 0, 0)
    probe = rf.probe_receptive_field(model)
    assert probe.region(0, 0) == probe.region(7, 7) == rf.Region(0, 0, 16, 16)
    field = rf.receptive_field(model, ignore_global=True)
    assert numbers(field) == (5, 1, -2)
    (note,) = field.notes
    assert "scale" in note and "scale_gate" in note and "left out" in note
    table = rf.receptive_field_table(model, ignore_global=True).set_index("layer")
    assert table.loc["scale", "size"] == 3 and table.loc["scale_gate", "size"] == 16


def test_a_gate_over_rows_and_columns_is_left_out_as_well():
    """Coordinate attention: each gate sees a row or a column of the image."""
    image = image_input((12, 16))
    x = conv(image, 3)
    rows = ops.sigmoid(ops.mean(x, axis=2, keepdims=True))
    columns = ops.sigmoid(ops.mean(x, axis=1, keepdims=True))
    model = keras.Model(image, x * rows * columns)
    field = rf.receptive_field(model)
    assert field.is_global and field.size == (12, 16)
    assert rf.probe_receptive_field(model).region(6, 8) == rf.Region(0, 0, 12, 16)
    local = rf.receptive_field(model, ignore_global=True)
    assert numbers(local) == (3, 1, -1) and len(local.notes) == 2


def test_gates_and_context_of_one_network_are_both_left_out():
    image = image_input(24, channels=4)
    x = SqueezeExcite(2, name="inside")(layers.Conv2D(4, 3, padding="same")(image))
    gate = layers.GlobalMaxPooling2D(keepdims=True)(x)
    x = layers.Multiply(name="outside")([x, gate])
    field = rf.receptive_field(keras.Model(image, x), ignore_global=True)
    assert numbers(field) == (3, 1, -1)
    assert [note.split(":")[0] for note in field.notes] == ["inside", "outside"]


def test_nested_and_shared_models():
    inner_image = image_input((None, None))
    inner = keras.Model(inner_image, conv(inner_image, 3, 2, name="conv"), name="stem")
    pooling = layers.MaxPooling2D(2, name="pool")
    tail = keras.Sequential([image_input(), pooling], name="tail")
    image = image_input(33)
    shared = layers.Conv2D(1, 3, padding="same", name="shared")
    x = shared(shared(tail(inner(inner(image)))))
    model = keras.Model(image, x)
    table = rf.receptive_field_table(model).set_index("layer")
    sizes = table["size"].to_dict()
    assert sizes["stem (call 1)"] == sizes["stem/conv (call 1)"] == 3
    assert sizes["stem (call 2)"] == sizes["stem/conv (call 2)"] == 7
    assert sizes["tail"] == sizes["tail/pool"] == 11
    assert sizes["shared (call 1)"] == 27 and sizes["shared (call 2)"] == 43
    with pytest.raises(ValueError, match=r"shared \(call 1\)"):
        rf.receptive_field(model, "shared")
    assert_probe_agrees(model, least=0)


def test_a_nested_model_of_several_outputs():
    image = image_input((None, None))
    fine = conv(image, 3, 2, name="fine")
    backbone = keras.Model(
        image, {"a": fine, "b": conv(fine, 3, 2, name="coarse")}, name="backbone"
    )
    whole = image_input(31)
    maps = backbone(whole)
    heads = {key: conv(maps[key], 3, name=f"head_{key}") for key in "ab"}
    model = keras.Model(whole, heads)
    sizes = rf.receptive_field_table(model).set_index("layer")["size"]
    assert sizes["backbone/fine"] == sizes["backbone (output 1)"] == 3
    assert sizes["backbone/coarse"] == sizes["backbone (output 2)"] == 7
    assert (sizes["head_a"], sizes["head_b"]) == (7, 15)
    assert_probe_agrees(model, "head_b")
    assert numbers(rf.receptive_field(keras.Model(whole, maps["b"]))) == (7, 4, -1)


def test_transfer_learning_model():
    base_image = image_input(32, channels=3)
    base = keras.Model(base_image, conv(conv(base_image, 3, 2), 3, 2), name="base")
    image = image_input(32, channels=3)
    x = layers.Rescaling(1 / 127.5, offset=-1)(layers.RandomFlip()(image))
    x = layers.GlobalAveragePooling2D()(base(x, training=False))
    model = keras.Model(image, layers.Dense(5)(layers.Dropout(0.2)(x)))
    assert numbers(rf.receptive_field(model, "base")) == (7, 4, 0)
    assert rf.receptive_field(model).size == 32
    assert_probe_agrees(model, "base")


def test_layer_of_another_call_is_not_counted():
    conv_layer = layers.Conv2D(1, 3, name="conv")
    conv_layer(image_input(9))
    image = image_input(12)
    model = keras.Model(image, conv_layer(image))
    assert rf.receptive_field(model, conv_layer).size == 3
    assert rf.probe_receptive_field(model, conv_layer).region(0, 0).bottom == 3


def test_branches_of_different_strides_are_joined_unit_by_unit():
    image = image_input(16)
    left = layers.Cropping2D(4, name="left")(image)
    right = conv(image, 2, 2, "valid", name="right")
    model = keras.Model(image, layers.Add()([left, right]))
    field = rf.receptive_field(model)
    assert not field.aligned and "stride 2" in field.notes[0]
    assert_probe_agrees(model, least=64)


def test_inputs_that_are_no_image():
    image, number = image_input(12), keras.Input((3,))
    scale = layers.Reshape((1, 1, 1))(layers.Dense(1, name="dense")(number))
    model = keras.Model([image, number], layers.Multiply()([conv(image, 3), scale]))
    assert numbers(rf.receptive_field(model)) == (3, 1, -1)
    assert "dense" not in set(rf.receptive_field_table(model)["layer"])
    with pytest.raises(ValueError, match="'dense' does not depend on the image"):
        rf.receptive_field(model, "dense")


def test_two_images_of_one_size():
    one, two = image_input(12), image_input(12)
    x = layers.Subtract()([conv(one, 3), conv(conv(two, 3), 3)])
    field = rf.receptive_field(keras.Model([one, two], x))
    assert numbers(field) == (5, 1, -2) and field.aligned


def test_image_smaller_than_a_window():
    model = keras.Sequential([image_input(), layers.Conv2D(1, 5, name="big")])
    with pytest.raises(ValueError, match=r"'big'.*window=5, size=4"):
        rf.receptive_field(model, input_size=4)


def test_models_that_cannot_be_read():
    with pytest.raises(ValueError, match="unbuilt model"):
        rf.receptive_field(keras.Sequential([layers.Conv2D(1, 3)]))
    with pytest.raises(TypeError, match="must be a Keras model"):
        rf.receptive_field(layers.Conv2D(1, 3))
    with pytest.raises(ValueError, match="read images"):
        rf.receptive_field(keras.Sequential([keras.Input((8,)), layers.Dense(2)]))
    first = layers.Conv2D(1, 3, data_format="channels_first", name="first")
    channels_first_image = keras.Input((3, 8, 8))
    with pytest.raises(ValueError, match=r"channels_last.*'first'"):
        rf.receptive_field(
            keras.Model(channels_first_image, first(channels_first_image))
        )
    image = image_input(8)
    with pytest.raises(ValueError, match="side by side"):
        rf.receptive_field(
            keras.Model(image, layers.Concatenate(axis=1)([image, image]))
        )


def test_a_generator_does_not_depend_on_an_image():
    noise = keras.Input((16,))
    x = layers.Reshape((4, 4, 2))(layers.Dense(32)(noise))
    model = keras.Model(noise, layers.Conv2DTranspose(1, 4, 2, "same")(x))
    for ask in (
        rf.receptive_field,
        rf.receptive_field_table,
        rf.probe_receptive_field,
        rf.effective_receptive_field,
    ):
        with pytest.raises(ValueError, match="no unit of this one depends on an image"):
            ask(model)


def test_a_fully_convolutional_network():
    """FCN-8s in small: 2 (2 (2 + 2) + 2) of stride, upsampled back to the image."""
    image = x = image_input(32)
    pools = []
    for level in range(3):
        x = layers.AveragePooling2D(2)(conv(x, 3))
        pools.append(conv(x, 1, name=f"score{level}"))
    x = pools[2]
    for skip in (pools[1], pools[0]):
        x = layers.Conv2DTranspose(1, 2, 2)(x)
        x = layers.Add()([x, skip])
    model = keras.Model(image, layers.Conv2DTranspose(1, 2, 2)(x))
    field = rf.receptive_field(model)
    assert field.units == (32, 32) and field.stride == 1
    assert_probe_agrees(model, least=16)


def test_several_inputs_and_outputs():
    image, audio = image_input(12), keras.Input((20, 3))
    seen = conv(image, 3, name="seen")
    heard = layers.Conv1D(4, 5, name="heard")(audio)
    both = layers.Concatenate(name="both")(
        [layers.GlobalMaxPooling2D()(seen), layers.GlobalMaxPooling1D()(heard)]
    )
    model = keras.Model({"i": image, "a": audio}, {"map": seen, "both": both})
    assert numbers(rf.receptive_field(model, "seen")) == (3, 1, -1)
    assert numbers(rf.receptive_field(model, "both")) == (12, 0, 0)
    with pytest.raises(ValueError, match="'heard' does not depend on the image"):
        rf.receptive_field(model, "heard")
    with pytest.raises(ValueError, match="2 outputs"):
        rf.receptive_field(model)
    with pytest.raises(ValueError, match="2 inputs"):
        rf.probe_receptive_field(model, "seen")
