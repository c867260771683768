"""Drawings of branches are checked by what stands in boxes, and where."""

import keras
import matplotlib
import pytest
from keras import layers

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch

from companion import blocks
from companion.models import inception_resnet, inception_v3
from companion.models.xception import module
from companion.plotting import plot_branches


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def alone(block, shape):
    image = keras.Input(shape)
    with keras.StatelessScope(initialize_variables=False):
        return keras.Model(image, block(image))


def boxes(ax):
    """What stands in each box, from left to right within a row from the top."""
    found = [p for p in ax.patches if isinstance(p, FancyBboxPatch)]
    found.sort(key=lambda p: (-(p.get_y() + p.get_height()), p.get_x()))
    return [(p.get_gid(), p) for p in found]


def words(ax):
    return [gid for gid, _ in boxes(ax)]


WIDTHS = (64, 96, 128, 16, 32, 32)


def test_kernels_and_channels_stand_in_the_boxes():
    net = alone(lambda x: blocks.inception(x, WIDTHS, "m"), (28, 28, 192))
    assert words(plot_branches(net)) == [
        "28×28×192",
        *("1×1 64 channels", "1×1 96 channels", "1×1 16 channels", "max 3×3"),
        *("3×3 128 channels", "5×5 32 channels", "1×1 32 channels"),
        "concatenate: 256 channels",
    ]


def test_one_dimensional_kernels_are_told_apart():
    net = alone(lambda x: inception_v3.inception_b(x, 128, "m"), (17, 17, 768))
    found = words(plot_branches(net))
    assert found.count("1×7 128 channels") == 2
    assert found.count("7×1 128 channels") == 2
    assert "1×7 192 channels" in found and "7×1 192 channels" in found


def test_boxes_of_one_branch_stand_below_one_another():
    net = alone(lambda x: inception_v3.inception_b(x, 128, "m"), (17, 17, 768))
    middles = {}
    for gid, box in boxes(plot_branches(net)):
        middles.setdefault(gid, []).append(box.get_x() + box.get_width() / 2)
    long, short = middles["1×7 128 channels"], middles["7×1 128 channels"]
    assert len({round(x) for x in [*long, *short]}) == 2  # two branches have them
    assert len({round(x) for x in short}) == 1


def test_strides_are_named_and_merges_span_their_branches():
    net = alone(lambda x: inception_v3.reduction_a(x, "m"), (35, 35, 288))
    drawn = dict(boxes(plot_branches(net)))
    assert "max 3×3, stride 2" in drawn
    assert "3×3, stride 2 384 channels" in drawn
    merge, pool = drawn["concatenate: 768 channels"], drawn["max 3×3, stride 2"]
    right = [box.get_x() + box.get_width() for box in (merge, pool)]
    assert right[0] == pytest.approx(right[1])
    assert merge.get_x() == pytest.approx(drawn["35×35×288"].get_x())


def test_a_branch_that_is_scaled_and_added():
    net = alone(lambda x: inception_resnet.inception_a(x, (32, 32), "m"), (9, 8, 256))
    drawn = dict(boxes(plot_branches(net)))
    expand = drawn["1×1 256 channels × 0.17"]
    assert expand.get_linestyle() == "--", "no activation follows it"
    assert drawn["3×3 32 channels"].get_linestyle() == "-"
    assert list(drawn)[-2:] == ["sum", "ReLU"]


def test_an_activation_in_front_of_a_module_has_a_box():
    net = alone(lambda x: module(x, (20, 24), "halved", "m"), (9, 8, 20))
    found = words(plot_branches(net))
    assert found[:3] == ["9×8×20", "ReLU", "1×1, stride 2 24 channels"]
    assert "depthwise 3×3 20 channels" in found and found[-1] == "sum"


def test_branches_that_split_again():
    net = alone(lambda x: inception_v3.inception_c(x, "m"), (8, 8, 1280))
    drawn = boxes(plot_branches(net))
    assert sum("1×3" in gid for gid, _ in drawn) == 2
    assert drawn[-1][0] == "concatenate: 2,048 channels"
    edges = [(p.get_x(), p.get_x() + p.get_width(), p.get_y()) for _, p in drawn[1:-1]]
    for left, right, y in edges:  # no two boxes of one height overlap
        others = [e for e in edges if abs(e[2] - y) < 1 and e[0] > left]
        assert all(right < other[0] for other in others)


def test_dense_layers_and_sums():
    image = keras.Input((6,))
    x = layers.Dense(5, activation="relu")(image)
    net = keras.Model(image, layers.Add()([x, layers.Dense(5)(image)]))
    assert words(plot_branches(net)) == [
        "6", "dense 5 channels", "dense 5 channels", "sum",
    ]  # fmt: skip


@pytest.mark.parametrize("ax", [3, "ax", [None]])
def test_wrong_axes_are_refused(ax):
    net = alone(lambda x: blocks.inception(x, WIDTHS, "m"), (9, 9, 20))
    with pytest.raises(ValueError, match=r"`ax` must be axes.*Received: ax="):
        plot_branches(net, ax=ax)
