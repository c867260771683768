"""Solutions of the chapter on DenseNet."""

from keras import layers as L
from keras import ops

from companion import blocks
from companion.exercises import check_dense_block


def bn_relu(x):
    return L.ReLU()(L.BatchNormalization()(x))


def conv(x, filters, size=3, bias=False):
    return L.Conv2D(filters, size, padding="same", use_bias=bias)(x)


def grown(layer, join=lambda x, y: L.Concatenate()([x, y])):
    """A dense block made of a layer."""

    def block(x, count, growth):
        for _ in range(count):
            x = join(x, layer(x, growth))
        return x

    return block


as_in_the_chapter = grown(lambda x, growth: conv(bn_relu(x), growth))


def with_a_list(x, count, growth):
    maps = [x]
    for _ in range(count):
        every = maps[0] if len(maps) == 1 else ops.concatenate(maps, axis=-1)
        y = ops.relu(L.BatchNormalization(epsilon=1e-5)(every))
        maps.append(conv(y, growth))
    return ops.concatenate(maps, axis=-1)


def newest_first(x, count, growth):
    if count == 0:
        return x
    y = conv(bn_relu(x), growth)
    return newest_first(L.concatenate([y, x]), count - 1, growth)


def explicit_zeros(x, count, growth):
    for _ in range(count):
        y = L.ZeroPadding2D()(L.Activation("relu")(L.BatchNormalization()(x)))
        x = L.concatenate([x, L.Conv2D(growth, 3, use_bias=False)(y)])
    return x


def package(x, count, growth):
    return blocks.dense_block(x, blocks.dense_basic, count, growth, "mine")


def chain(x, count, growth):
    y, maps = x, [x]
    for _ in range(count):
        y = conv(bn_relu(y), growth)
        maps.append(y)
    return L.Concatenate()(maps)


def star(x, count, growth):
    maps = [x, *(conv(bn_relu(x), growth) for _ in range(count))]
    return L.Concatenate()(maps)


def input_forgotten(x, count, growth):
    maps = [conv(bn_relu(x), growth)]
    for _ in range(count - 1):
        every = maps[0] if len(maps) == 1 else L.Concatenate()(maps)
        maps.append(conv(bn_relu(every), growth))
    return L.Concatenate()([x, *maps])


def added(x, count, growth):
    for _ in range(count):
        x = x + conv(bn_relu(x), x.shape[-1])
    return x


def last_only(x, count, growth):
    for _ in range(count):
        y = conv(bn_relu(x), growth)
        x = L.Concatenate()([x, y])
    return y


def new_only(x, count, growth):
    maps = [x]
    for _ in range(count):
        every = maps[0] if len(maps) == 1 else L.Concatenate()(maps)
        maps.append(conv(bn_relu(every), growth))
    return L.Concatenate()(maps[1:]) if count > 1 else maps[1]


def shared_normalization(x, count, growth):
    maps = [bn_relu(x)]
    for _ in range(count):
        every = maps[0] if len(maps) == 1 else L.Concatenate()(maps)
        maps.append(bn_relu(conv(every, growth)))
    return L.Concatenate()([x, *maps[1:]])


def without_return(x, count, growth):
    as_in_the_chapter(x, count, growth)


EXERCISES = [
    {
        "label": "ex-dense-block",
        "checker": check_dense_block,
        "right": {
            "as in the chapter": as_in_the_chapter,
            "a list of maps, another epsilon": with_a_list,
            "a recursion, the newest maps first": newest_first,
            "zeros by a layer of their own": explicit_zeros,
            "the package's": package,
        },
        "wrong": {
            "a chain": (chain, "only the layer before it"),
            "a star": (star, "input of the block, and nothing else"),
            "input forgotten": (input_forgotten, "no layer reads the input"),
            "added": (added, "added, not concatenated"),
            "only the last layer": (last_only, "Only the last layer"),
            "only the new maps": (new_only, "does not come out"),
            "post-activation": (
                grown(lambda x, growth: bn_relu(conv(x, growth))),
                "post-activated",
            ),
            "ReLU before BN": (
                grown(lambda x, k: conv(L.BatchNormalization()(L.ReLU()(x)), k)),
                "before the normalization",
            ),
            "no ReLU": (
                grown(lambda x, k: conv(L.BatchNormalization()(x), k)),
                "one linear map",
            ),
            "no normalization": (
                grown(lambda x, k: conv(L.ReLU()(x), k)),
                "Nothing is normalized",
            ),
            "1x1 kernels": (grown(lambda x, k: conv(bn_relu(x), k, 1)), "are 1x1"),
            "biases": (
                grown(lambda x, k: conv(bn_relu(x), k, bias=True)),
                "have biases",
            ),
            "one layer too many": (
                lambda x, count, k: as_in_the_chapter(x, count + 1, k),
                "too many",
            ),
            "one layer too few": (
                lambda x, count, k: as_in_the_chapter(x, count - 1, k),
                "too few",
            ),
            "each map normalized once": (shared_normalization, "[weights]"),
            "gradient stopped": (
                grown(lambda x, k: conv(bn_relu(ops.stop_gradient(x)), k)),
                "[gradient]",
            ),
            "no return": (without_return, "returned None"),
            "too few arguments": (lambda x: x, "[runs]"),
        },
    }
]
