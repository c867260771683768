"""Drawings are checked by what they draw: lengths, labels, links; not by pixels."""

import hashlib
import io
import itertools

import keras
import matplotlib
import numpy as np
import pytest
from keras import layers
from matplotlib.colors import to_rgb
from matplotlib.patches import FancyArrowPatch

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from companion import blocks, plotting
from companion.layers import GroupedConv2D, SqueezeExcite, TableConv2D
from companion.models import AlexNet, AlexNetOneTower
from companion.plotting import (
    plot_blocks,
    plot_descent,
    plot_effective_receptive_field,
    plot_history,
    plot_kernels,
    plot_network,
    plot_number_grid,
    plot_shapes,
    plot_step_limit,
    plot_towers,
)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def build(function, **arguments):
    """Shapes only: the weights have no values."""
    with keras.StatelessScope(initialize_variables=False):
        return function(**arguments)


@pytest.fixture(scope="module")
def alexnet():
    return build(AlexNet)


def fronts(ax):
    """Name of a volume -> lower left and upper right corner of its front faces."""
    corners = {}
    for patch in ax.patches:
        name, _, face = (patch.get_gid() or "").rpartition(":")
        if face == "front":
            x = patch.get_xy()
            corners.setdefault(name, []).append((x.min(axis=0), x.max(axis=0)))
    return corners


def size(ax, name, number=0):
    low, high = fronts(ax)[name][number]
    return high - low


def links(ax):
    return [p for p in ax.patches if isinstance(p, FancyArrowPatch)]


def labels(ax):
    return [text.get_text() for text in ax.texts]


def residual_block():
    image = keras.Input((8, 8, 4), name="image")
    x = layers.Conv2D(4, 3, padding="same", name="conv_1")(image)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Conv2D(4, 3, padding="same", name="conv_2")(x)
    return keras.Model(image, layers.Add(name="add")([x, image]))


# plot_network


def test_volumes_are_those_of_the_graph(alexnet):
    drawn = list(fronts(plot_network(alexnet)))
    assert drawn == [
        "image", "conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5",
        "pool5", "fc6", "fc7", "fc8",
    ]  # fmt: skip


def test_heights_are_to_scale(alexnet):
    ax = plot_network(alexnet)
    image = size(ax, "image")[1]
    for name, side in ("conv1", 55), ("pool1", 27), ("conv3", 13), ("pool5", 6):
        assert size(ax, name)[1] / image == pytest.approx(side / 227, rel=1e-9)


def test_thickness_and_bars_go_with_the_root_of_the_channels(alexnet):
    ax = plot_network(alexnet)
    conv1 = size(ax, "conv1")[0]
    assert size(ax, "conv3")[0] / conv1 == pytest.approx((384 / 96) ** 0.5, rel=1e-9)
    assert size(ax, "fc6")[1] / conv1 == pytest.approx((4096 / 96) ** 0.5, rel=1e-9)


def test_widths_lean_to_scale():
    image = keras.Input((10, 20, 3), name="image")
    ax = plot_network(keras.Model(image, layers.MaxPooling2D(name="half")(image)))
    leans = {}
    for patch in ax.patches:
        name, _, face = (patch.get_gid() or "").rpartition(":")
        if face == "right":
            leans[name] = np.ptp(patch.get_xy()[:, 0])
    assert leans["half"] / leans["image"] == pytest.approx(10 / 20, rel=1e-9)
    assert size(ax, "half")[1] / size(ax, "image")[1] == pytest.approx(0.5, rel=1e-9)


def test_labels_name_sides_and_channels(alexnet):
    text = labels(plot_network(alexnet))
    assert "image\n227×227\n×3" in text
    assert "conv2\n27×27\n×2·128" in text  # two groups
    assert "conv3\n13×13\n×384" in text
    assert "fc8\n1000" in text


def test_only_grouped_volumes_are_cut_by_dashes(alexnet):
    dashed = [at for at in plot_network(alexnet).lines if at.get_linestyle() == "--"]
    assert len(dashed) == 3  # conv2, conv4, conv5


def test_a_shortcut_gets_its_own_lane():
    ax = plot_network(residual_block())
    assert list(fronts(ax)) == ["image", "conv_1", "conv_2", "add"]
    assert len(links(ax)) == 3 + 5  # the shortcut passes two columns, in 5 pieces
    (low, high), *_ = fronts(ax)["conv_1"]
    passing = [
        link.get_path().vertices[0]
        for link in links(ax)
        if link.get_arrowstyle().__class__.__name__ == "Curve"
    ]
    assert len(passing) == 4
    assert all(not low[1] <= y <= high[1] for x, y in passing if low[0] <= x <= high[0])


def test_branches_do_not_overlap():
    image = keras.Input((28, 28, 16), name="image")
    branches = [
        layers.Conv2D(8, 1, name="one")(image),
        layers.Conv2D(8, 3, padding="same", name="three")(image),
        layers.MaxPooling2D(3, 1, "same", name="pool")(image),
    ]
    ax = plot_network(keras.Model(image, layers.Concatenate(name="concat")(branches)))
    spans = sorted(
        (fronts(ax)[n][0][0][1], fronts(ax)[n][0][1][1])
        for n in ("one", "three", "pool")
    )
    assert spans[0][1] < spans[1][0] and spans[1][1] < spans[2][0]
    assert len(links(ax)) == 6


def test_volumes_and_labels_of_a_chain_do_not_overlap(alexnet):
    ax = plot_network(alexnet)
    canvas = ax.figure.canvas
    canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :]), labels(ax)[i]
        assert canvas.figure.bbox.x0 <= box.x0 and box.x1 <= canvas.figure.bbox.x1
    spans = sorted((c[0][0][0], c[0][1][0]) for c in fronts(ax).values())
    assert all(a[1] < b[0] for a, b in itertools.pairwise(spans))


def test_volumes_wider_than_their_labels_are_not_cut():
    image = keras.Input((8, 8, 2048), name="in")
    branches = [layers.Conv2D(2048, 1, name=name)(image) for name in "ab"]
    ax = plot_network(keras.Model(image, layers.Add(name="add")(branches)))
    left, right = ax.get_xlim()
    for (low, high), *_ in fronts(ax).values():
        assert left < low[0] and high[0] < right


def test_gates_are_no_convolutions():
    image = keras.Input((8, 8, 16), name="image")
    x = GroupedConv2D(16, 3, groups=2, name="conv")(image)
    ax = plot_network(keras.Model(image, SqueezeExcite(4, name="gates")(x)))
    kinds = [text.get_text() for text in ax.get_legend().get_texts()]
    assert kinds == ["convolution", "other"]


def test_chosen_layers_only(alexnet):
    ax = plot_network(alexnet, layers=["image", "conv1", "pool5"])
    assert list(fronts(ax)) == ["image", "conv1", "pool5"]
    assert len(links(ax)) == 2


def test_nested_and_sequential_models():
    inner = keras.Sequential(
        [keras.Input((8, 8, 4)), layers.Conv2D(6, 3, name="conv")], name="block"
    )
    ax = plot_network(keras.Sequential([keras.Input((8, 8, 4), name="in"), inner]))
    assert list(fronts(ax)) == ["in", "block/conv"]


def test_network_refuses_what_it_cannot_draw():
    with pytest.raises(ValueError, match=r"Received: layers=\['conv9'\]"):
        plot_network(build(AlexNet), layers=["conv9"])
    with pytest.raises(ValueError, match=r"input_shape"):
        plot_network(build(AlexNet, input_shape=(None, None, 3), classes=None))
    with pytest.raises(ValueError, match=r"list of names. Received: layers='conv1'"):
        plot_network(build(AlexNet), layers="conv1")


def test_networks_of_every_task():
    """Of open size, of volumes, from a vector, with two inputs and two outputs."""
    image = keras.Input((None, None, 3), name="image")
    fcn = keras.Model(image, layers.Conv2D(5, 1, name="conv")(image))
    ax = plot_network(fcn, input_shape=(12, 8, 3))
    assert "12×8\n×5" in [text.get_text().partition("\n")[2] for text in ax.texts]
    video = keras.Input((4, 8, 6, 3), name="video")
    net = keras.Model(video, layers.Conv3D(2, 3, name="conv")(video))
    assert "2×6×4\n×2" in [
        text.get_text().partition("\n")[2] for text in plot_network(net).texts
    ]
    assert list(plot_shapes(net).lines[0].get_ydata()) == [8, 6]
    noise = keras.Input((10,), name="noise")
    x = layers.Reshape((4, 4, 2))(layers.Dense(32, name="dense")(noise))
    net = keras.Model(noise, layers.Conv2DTranspose(3, 4, 2, name="up")(x))
    assert list(fronts(plot_network(net))) == ["noise", "dense", "up"]
    left, right = keras.Input((6, 6, 2), name="a"), keras.Input((6, 6, 2), name="b")
    both = layers.Concatenate(name="both")([left, right])
    ends = [layers.Conv2D(2, 3, name="c")(both), layers.Conv2D(4, 1, name="d")(both)]
    drawn = fronts(plot_network(keras.Model([left, right], ends)))
    assert set(drawn) == {"a", "b", "both", "c", "d"}


def test_stairs_need_maps():
    vector = keras.Input((3,))
    with pytest.raises(ValueError, match="vectors only"):
        plot_shapes(keras.Model(vector, layers.Dense(2)(vector)))


AXES = [
    lambda ax: plot_history({"a": {"loss": [1.0]}}, "loss", ax=ax),
    lambda ax: plot_descent(lambda p: p[0], {"a": [[0, 0]]}, ax=ax),
    lambda ax: plot_step_limit([1.0], ax=ax),
    lambda ax: plot_number_grid([[1]], ax=ax),
    lambda ax: plot_kernels([], ax=ax),
    lambda ax: plot_blocks({}, ax=ax),
    lambda ax: plot_shapes(None, ax=ax),
    lambda ax: plot_effective_receptive_field(np.ones((3, 3)), ax=ax),
]


@pytest.mark.parametrize("draw", AXES)
def test_wrong_axes_are_refused(draw):
    for ax in (3, "ax", plt.figure(), plt.subplots(1, 2), [None]):
        with pytest.raises(ValueError, match=r"`ax` must be axes.*Received: ax="):
            draw(ax)
    plt.close("all")


@pytest.mark.parametrize(
    "function, message",
    [
        (lambda p: None, r"`function\(grid\)` must be an array of real numbers"),
        (lambda p: p, r"shape \(161, 161\).*Received: an array of shape \(2, 161, 161"),
        (lambda p: p[0, 0], r"Received: an array of shape \(161,\)"),
        (lambda p: p[0] * 1j, "must be an array of real numbers"),
        ("p[0]", "`function` must be a function"),
        (None, "`function` must be a function"),
    ],
)
def test_functions_that_give_no_landscape(function, message):
    with pytest.raises(ValueError, match=message):
        plot_descent(function, {"a": [[0, 0], [1, 1]]})


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"trajectories": [[0, 0]]}, "a dictionary"),
        ({"trajectories": {"a": [[0, None]]}}, "`path` must be an array of real"),
        ({"trajectories": {"a": np.zeros((0, 2))}}, r"shape \(0, 2\)"),
        ({"trajectories": {"a": [[0, np.inf]]}}, "needs `limits`"),
        ({"minimum": (0,)}, "`minimum` must be finite numbers"),
        ({"minimum": "ab"}, "`minimum` must be an array"),
        ({"limits": (0, 1)}, "`limits` must be finite numbers"),
        ({"limits": ((0, 1), (0, np.nan))}, "`limits` must be finite numbers"),
    ],
)
def test_paths_limits_and_minimum_are_numbers(arguments, message):
    with pytest.raises(ValueError, match=message):
        plot_descent(
            **{"function": lambda p: p[0], "trajectories": {"a": [[0, 0]]}} | arguments
        )


@pytest.mark.parametrize(
    "run", [None, {"loss": None}, {"loss": ["1"]}, {"loss": [[1.0]]}, [1.0]]
)
def test_runs_are_numbers_of_epochs(run):
    with pytest.raises(ValueError, match="Received"):
        plot_history({"a": run}, "loss")


# plot_towers


def test_every_volume_but_the_ends_stands_in_two_towers(alexnet):
    count = {name: len(at) for name, at in fronts(plot_towers(alexnet)).items()}
    assert count.pop("image") == count.pop("fc8") == 1
    assert set(count.values()) == {2}


def test_a_tower_has_half_of_the_channels(alexnet):
    whole, half = plot_network(alexnet), plot_towers(alexnet)
    ratio = size(half, "conv3")[0] / size(whole, "conv3")[0]
    assert ratio == pytest.approx(0.5**0.5, rel=1e-9)
    assert "conv1\n55×55\n×2·48" in labels(half)


def test_thick_links_where_the_paper_lets_the_gpus_talk(alexnet):
    """Into conv3 and fc6 and fc7 four each, into fc8 two; no other is thick."""
    ax = plot_towers(alexnet)
    thick = [link for link in links(ax) if link.get_linewidth() > 1]
    thin = [link for link in links(ax) if link.get_linewidth() <= 1]
    assert len(thick) == 4 + 4 + 4 + 2
    assert len(thin) == 2 * len(
        ["conv1", "pool1", "conv2", "pool2", "conv4", "conv5", "pool5"]
    )
    tops = {name: at[0][0][0] for name, at in fronts(ax).items()}
    ends = {round(link._posA_posB[1][0], 6) for link in thick}
    assert ends == {round(tops[name], 6) for name in ("conv3", "fc6", "fc7", "fc8")}


def test_towers_refuse_what_has_none():
    with pytest.raises(ValueError, match=r"groups=1"):
        plot_towers(build(AlexNetOneTower))
    image = keras.Input((8, 8, 4))
    x = GroupedConv2D(4, 3, groups=2, padding="same")(image)
    with pytest.raises(ValueError, match=r"branches=2"):
        plot_towers(keras.Model(image, x + image))
    odd = layers.Conv2D(5, 1, name="odd")(x)
    with pytest.raises(ValueError, match=r"multiple of 2.*\(8, 8, 5\).*odd"):
        plot_towers(keras.Model(image, odd))


# plot_shapes


def test_stairs_of_alexnet(alexnet):
    heights, channels = plot_shapes(alexnet).lines
    assert list(heights.get_ydata()) == [227, 55, 27, 27, 13, 13, 13, 13, 6]
    assert list(channels.get_ydata()) == [3, 96, 96, 256, 256, 384, 384, 256, 256]
    assert heights.get_linestyle() != channels.get_linestyle()


def test_stairs_name_layers_and_sizes(alexnet):
    ax = plot_shapes(alexnet)
    names = [text.get_text() for text in ax.get_xticklabels()]
    assert names[0] == "image" and names[-1] == "pool5"
    assert {"227", "55", "27", "13", "6", "height", "channels"} <= set(labels(ax))


def test_stairs_refuse_branches():
    with pytest.raises(ValueError, match=r"chain.*2 branches"):
        plot_shapes(residual_block())


# plot_history


def test_curves_hold_the_numbers_and_start_at_epoch_1():
    history = keras.callbacks.History()
    history.history = {"loss": [3.0, 2.0, 1.0]}
    ax = plot_history({"ReLU": history, "tanh": {"loss": [4.0, 3.5]}}, "loss")
    first, second = ax.lines
    assert list(first.get_xdata()) == [1, 2, 3]
    assert list(first.get_ydata()) == [3.0, 2.0, 1.0]
    assert list(second.get_ydata()) == [4.0, 3.5]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["ReLU", "tanh"]


def test_curves_differ_without_their_colours():
    runs = {f"run {i}": {"loss": [1, 2]} for i in range(5)}
    lines = plot_history(runs, "loss").lines
    assert len({str(line._dash_pattern) for line in lines}) == 5
    assert len({line.get_marker() for line in lines}) == 5


def test_curves_refuse_unknown_metrics_and_crowds():
    with pytest.raises(ValueError, match=r"\['loss'\].*metric='accuracy'"):
        plot_history({"ReLU": {"loss": [1.0]}}, "accuracy")
    with pytest.raises(ValueError, match=r"0 runs"):
        plot_history({}, "loss")
    with pytest.raises(ValueError, match=r"6 runs"):
        plot_history({str(i): {"loss": [1]} for i in range(6)}, "loss")


# plot_number_grid

NUMBERS = np.array([[1, 3, 2, 9], [7, 4, 1, 0], [5, 5, -2, -1], [0, 2, -3, -8]])


def test_grid_holds_the_numbers_in_their_places():
    ax = plot_number_grid(NUMBERS)
    assert labels(ax) == [str(n).replace("-", "−") for n in NUMBERS.ravel()]
    x, y = ax.texts[6].get_position()
    assert (x, y) == (2.5, 1.5)
    assert ax.yaxis_inverted()  # row 0 on top


def test_grid_shortens_fractions():
    assert labels(plot_number_grid([[0.25, 1 / 3, -1.0]])) == ["0.25", "0.333", "−1"]


def test_marks_are_bold_and_framed():
    marks = np.isin(NUMBERS, 9)
    ax = plot_number_grid(NUMBERS, marks)
    bold = [t.get_text() for t in ax.texts if t.get_fontweight() == "bold"]
    assert bold == ["9"]
    frames = [patch for patch in ax.patches if patch.get_linewidth() > 1]
    assert [frame.get_xy() for frame in frames] == [pytest.approx((3.09, 0.09))]


def test_blocks_are_parted_by_lines():
    ax = plot_number_grid(NUMBERS, blocks=(2, 2))
    rows = {line.get_ydata()[0] for line in ax.lines if np.ptp(line.get_xdata())}
    columns = {line.get_xdata()[0] for line in ax.lines if np.ptp(line.get_ydata())}
    assert rows == columns == {0, 2, 4}


def test_grid_refuses_what_is_no_matrix():
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        plot_number_grid([1, 2, 3])
    with pytest.raises(ValueError, match=r"marks of shape \(2, 2\)"):
        plot_number_grid(NUMBERS, marks=np.ones((2, 2)))
    with pytest.raises(ValueError, match="Received: blocks=0"):
        plot_number_grid(NUMBERS, blocks=(0, 2))


# plot_blocks


def block_model(function, shape, **arguments):
    image = keras.Input(shape)
    return keras.Model(image, function(image, name="block", **arguments))


def two_blocks():
    return {
        "residual": block_model(blocks.bottleneck, (14, 14, 256), filters=64, stride=1),
        "gated": block_model(
            blocks.excited_inverted_residual,
            (28, 28, 40),
            size=5,
            expanded=120,
            filters=40,
            excite=True,
            activation="hard_silu",
            stride=1,
        ),
    }


def bars(ax):
    return {patch.get_gid(): patch for patch in ax.patches if patch.get_gid()}


def test_bars_are_as_wide_as_layers_have_channels():
    drawn = bars(plot_blocks(two_blocks()))
    widths = {gid: bar.get_width() for gid, bar in drawn.items()}
    full = widths["residual: input (256)"]
    assert widths["residual: 3×3 (64)"] == pytest.approx(full / 4)
    assert widths["gated: depthwise 5×5 (120)"] == pytest.approx(full * 120 / 256)
    assert len(drawn) == 5 + 6


def test_only_linear_layers_are_hatched():
    drawn = bars(plot_blocks(two_blocks()))
    assert [gid for gid, bar in drawn.items() if bar.get_hatch()] == [
        "residual: 1×1 (256)",
        "gated: 1×1 (40)",
    ]


def test_what_follows_a_layer_stands_below_it():
    texts = labels(plot_blocks(two_blocks()))
    assert "3×3\n64 channels, BN, ReLU" in texts
    assert "sum\nReLU" in texts and "sum" in texts
    assert "depthwise 5×5\n120 channels, BN, h-swish" in texts
    assert "1×1\n40 channels, BN, linear" in texts


def test_a_shortcut_leads_from_the_input_to_the_sum():
    ax = plot_blocks({"gated": two_blocks()["gated"]})
    drawn = bars(ax)
    (line,) = ax.lines
    start, end = drawn["gated: input (40)"], drawn["gated: sum (40)"]
    right = start.get_x() + start.get_width()
    assert line.get_xdata()[0] == pytest.approx(right)
    middles = [bar.get_y() + bar.get_height() / 2 for bar in (start, end)]
    assert [line.get_ydata()[0], line.get_ydata()[-1]] == pytest.approx(middles)


def test_strides_pooling_and_units_are_named():
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, strides=2, activation="relu6")(image)
    x = layers.GlobalAveragePooling2D()(x)
    texts = labels(plot_blocks({"end": keras.Model(image, layers.Dense(10)(x))}))
    assert "3×3, stride 2\n4 channels, ReLU6" in texts
    assert "pool" in texts and "dense\n10 channels, linear" in texts


def test_more_blocks_than_columns_stand_on_shelves():
    wide = plot_blocks(two_blocks(), columns=2).figure.get_size_inches()
    tall = plot_blocks(two_blocks(), columns=1).figure.get_size_inches()
    assert tall[0] == pytest.approx(wide[0] / 2)
    assert tall[1] > 1.7 * wide[1]


def test_blocks_refuse_what_they_cannot_draw():
    with pytest.raises(ValueError, match=r"blocks=\{\}"):
        plot_blocks({})
    with pytest.raises(ValueError, match="columns=0"):
        plot_blocks(two_blocks(), columns=0)


# plot_kernels


def built(layer, channels):
    layer.build((None, 8, 8, channels))
    return layer


def kernels():
    return [
        built(layers.Conv2D(4, 3, name="full"), 4),
        built(GroupedConv2D(4, (1, 3), groups=2, name="halves"), 4),
        built(layers.DepthwiseConv2D(3, depth_multiplier=2, name="twice"), 2),
        built(layers.Conv2D(32, 1, name="many"), 16),
    ]


def slabs(ax, layer, state="read"):
    """Filter -> the channels with a slab, or with a dotted frame."""
    found = {}
    for patch in ax.patches:
        name, number, channel, kind = patch.get_gid().split(":")
        if (name, kind) == (layer, state):
            found.setdefault(int(number), set()).add(int(channel))
    return found


def test_slabs_are_the_channels_that_a_filter_reads():
    ax = plot_kernels(kernels())
    assert slabs(ax, "full") == {filter: {0, 1, 2, 3} for filter in range(4)}
    assert slabs(ax, "halves") == {0: {0, 1}, 1: {0, 1}, 2: {2, 3}, 3: {2, 3}}
    assert slabs(ax, "halves", "unread")[0] == {2, 3}
    assert slabs(ax, "twice") == {0: {0}, 1: {0}, 2: {1}, 3: {1}}


def test_what_a_filter_reads_is_what_moves_it():
    """Against the layers themselves: one channel of ones at a time."""
    for layer, channels in zip(kernels()[:3], (4, 4, 2), strict=True):
        ax = plot_kernels([layer])
        for channel in range(channels):
            x = np.zeros((1, 8, 8, channels), "float32")
            x[..., channel] = 1
            moved = np.abs(layer(x)).max((0, 1, 2)) > 0
            drawn = [
                channel in seen for _, seen in sorted(slabs(ax, layer.name).items())
            ]
            assert moved.tolist() == drawn


def test_rows_count_the_weights():
    assert [text for text in labels(plot_kernels(kernels())) if ":" in text] == [
        "full: 4 × (3×3×4) = 144",
        "halves: 4 × (1×3×2) = 24",
        "twice: 4 × (3×3×1) = 36",
        "many: 32 × (1×1×16) = 512",
    ]


def test_one_square_for_a_weight():
    (cell,) = {patch.get_width() for patch in plot_kernels(kernels()[3:]).patches}
    sizes = {
        (p.get_width(), p.get_height()) for p in plot_kernels(kernels()[1:2]).patches
    }
    assert sizes == {(3 * cell, cell)}


def test_of_many_filters_the_first_and_the_last_are_drawn():
    ax = plot_kernels(kernels()[3:])
    first, *_, last = sorted(slabs(ax, "many"))
    assert (first, last) == (0, 31) and len(slabs(ax, "many")) < 8
    assert "…" in labels(ax)


def test_filters_stay_in_sight():
    ax = plot_kernels(kernels())
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    for patch in ax.patches:
        (x, y), width, height = patch.get_xy(), patch.get_width(), patch.get_height()
        assert left <= x and x + width <= right
        assert top <= y and y + height <= bottom


def test_kernels_refuse_what_they_cannot_draw():
    with pytest.raises(ValueError, match=r"layers=\[\]"):
        plot_kernels([])
    with pytest.raises(ValueError, match="Dense 'fc'"):
        plot_kernels([layers.Dense(3, name="fc")])
    with pytest.raises(ValueError, match=r"before it is built\. Received: 'new'"):
        plot_kernels([layers.Conv2D(3, 3, name="new")])
    with pytest.raises(ValueError, match="TableConv2D"):
        plot_kernels([TableConv2D([[0], [1]], 3)])


# plot_descent


def bowl(point):
    return point[0] ** 2 + 9 * point[1] ** 2


PATHS = {
    "one": np.array([[4.0, 1.0], [2.0, -0.5], [1.0, 0.25]]),
    "two": np.array([[4.0, 1.0], [-1.0, 0.0]]),
}


def test_paths_are_drawn_whole_and_named():
    ax = plot_descent(bowl, PATHS, minimum=(0, 0))
    for line, (name, path) in zip(ax.lines, PATHS.items(), strict=False):
        assert line.get_label() == name
        np.testing.assert_array_equal(line.get_xydata(), path)
    np.testing.assert_array_equal(ax.lines[2].get_xydata(), [[0, 0]])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(PATHS)


def test_everything_is_in_sight():
    ax = plot_descent(bowl, PATHS, minimum=(0, -3))
    assert ax.get_xlim()[0] < -1 and ax.get_xlim()[1] > 4
    assert ax.get_ylim()[0] < -3 and ax.get_ylim()[1] > 1
    ax = plot_descent(bowl, PATHS, limits=((-2, 2), (-5, 6)))
    assert ax.get_xlim() == (-2, 2) and ax.get_ylim() == (-5, 6)


def test_contours_are_level_lines_a_factor_of_two_apart():
    ax = plot_descent(bowl, PATHS, limits=((-8, 8), (-4, 4)))
    (contours,) = (c for c in ax.collections if hasattr(c, "levels"))
    np.testing.assert_allclose(contours.levels, 208 * 2.0 ** np.arange(-11, 1))
    for level, path in zip(contours.levels, contours.get_paths(), strict=True):
        if level > 2 and len(path.vertices):  # finer ones are as small as the grid
            np.testing.assert_allclose(bowl(path.vertices.T), level, rtol=0.05)


def test_long_paths_have_few_markers_with_both_ends():
    path = np.linspace([0.0, 0.0], [1.0, 1.0], 501)
    marks = plot_descent(bowl, {"long": path}).lines[0].get_markevery()
    assert len(marks) == 12 and marks[0] == 0 and marks[-1] == 500


def test_paths_differ_without_their_colours():
    lines = plot_descent(bowl, {str(i): PATHS["one"] for i in range(5)}).lines
    assert len({str(line._dash_pattern) for line in lines}) == 5
    assert len({line.get_marker() for line in lines}) == 5


def test_descent_refuses_crowds_and_other_shapes():
    with pytest.raises(ValueError, match=r"0 paths"):
        plot_descent(bowl, {})
    with pytest.raises(ValueError, match=r"6 paths"):
        plot_descent(bowl, {str(i): PATHS["one"] for i in range(6)})
    with pytest.raises(ValueError, match=r"'odd' of shape \(4, 3\)"):
        plot_descent(bowl, {"odd": np.zeros((4, 3))})


# plot_step_limit


def test_factor_of_each_curvature():
    ax = plot_step_limit([1.0, 4.0])
    alpha = ax.lines[0].get_xdata()
    for line, curvature in zip(ax.lines, (1.0, 4.0), strict=False):
        np.testing.assert_allclose(line.get_ydata(), np.abs(1 - alpha * curvature))
        assert line.get_label() == f"curvature {curvature:g}"


def test_limit_and_best_step_are_where_the_curves_say():
    """Cauchy's step limit: 2 / 4; the best step is where both curves cross: 2 / 5."""
    ax = plot_step_limit([4.0, 1.0])
    assert labels(ax) == ["best\n0.4", "limit\n0.5"]
    alpha, slow = ax.lines[1].get_data()
    worst = np.maximum(slow, ax.lines[0].get_ydata())
    assert alpha[worst.argmin()] == pytest.approx(0.4, abs=0.002)
    assert alpha[1:][worst[1:] < 1].max() == pytest.approx(0.5, abs=0.002)


def test_step_limit_refuses_what_has_none():
    for curvatures in ([], [1.0, -1.0], [0.0], [1.0] * 6):
        with pytest.raises(ValueError, match=r"1 to 5 positive.*curvatures=\["):
            plot_step_limit(curvatures)


# All of them

COLOURED = np.random.default_rng(0).uniform(size=(5, 5, 3, 4))
DRAW = {
    "plot_descent": lambda ax=None: plot_descent(bowl, PATHS, (0, 0), ax=ax),
    "plot_step_limit": lambda ax=None: plot_step_limit([1.0, 4.0], ax),
    "plot_network": lambda ax=None: plot_network(residual_block(), ax=ax),
    "plot_towers": lambda ax=None: plot_towers(build(AlexNet), ax=ax),
    "plot_shapes": lambda ax=None: plot_shapes(build(AlexNet), ax=ax),
    "plot_history": lambda ax=None: plot_history({"a": {"loss": [2, 1]}}, "loss", ax),
    "plot_blocks": lambda ax=None: plot_blocks(two_blocks(), ax=ax),
    "plot_kernels": lambda ax=None: plot_kernels(kernels(), ax),
    "plot_number_grid": lambda ax=None: plot_number_grid(NUMBERS, title="x", ax=ax),
    "plot_branches": lambda ax=None: plotting.plot_branches(residual_block(), ax),
    "plot_filters": lambda ax=None: plotting.plot_filters(COLOURED, ax=ax),
    "plot_maps": lambda ax=None: plotting.plot_maps(COLOURED[..., 0], ax=ax),
    "plot_photograph": lambda ax=None: plotting.plot_photograph(
        (255 * COLOURED[..., 0]).astype("uint8"), np.eye(2), "p", ax=ax
    ),
    "plot_top": lambda ax=None: plotting.plot_top([("cat", 0.7), ("dog", 0.2)], ax=ax),
}


def test_every_drawing_is_checked_here_or_with_receptive_fields():
    others = {name for name in plotting.__all__ if "receptive_field" in name}
    assert set(DRAW) == set(plotting.__all__) - others


@pytest.mark.parametrize("name", DRAW)
def test_axes_are_returned_and_never_shown(name, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda *_: pytest.fail("show() was called"))
    ax = DRAW[name]()
    assert isinstance(ax, matplotlib.axes.Axes)
    assert to_rgb(ax.figure.get_facecolor()) == to_rgb(ax.get_facecolor()) == (1, 1, 1)


@pytest.mark.parametrize("name", DRAW)
def test_given_axes_are_used(name):
    given = plt.figure().subplots()
    assert DRAW[name](given) is given
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize("name", DRAW)
def test_letters_are_legible(name):
    for text in DRAW[name]().findobj(matplotlib.text.Text):
        if text.get_text() and text.get_visible():
            assert text.get_fontsize() >= 9, text


@pytest.mark.parametrize("name", DRAW)
def test_figures_fit_a_telephone(name):
    """360 px at one point per pixel is 5 inches; 6.5 keep 9 pt above 7 px."""
    assert DRAW[name]().figure.get_size_inches()[0] <= 6.5


@pytest.mark.parametrize("name", DRAW)
def test_the_same_call_gives_the_same_pixels(name):
    def pixels():
        file = io.BytesIO()
        DRAW[name]().figure.savefig(file, format="rgba", dpi=50)
        return hashlib.sha256(file.getvalue()).hexdigest()

    assert pixels() == pixels()
