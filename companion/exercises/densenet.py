"""Checker of the chapter on DenseNet."""

from keras import layers

from companion.conformance import check_block

__all__ = ["check_dense_block"]


def check_dense_block(block):
    """Name the mistake in a dense block of BN, ReLU and 3x3 convolution layers.

    The new maps may stand before or after those that a layer has read, and zeros may
    come from a layer of their own. No convolution has a bias.

    Args:
        block: function `(x, count, growth) -> y` of Keras tensors.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> try:
    ...     check_dense_block(variant(reads="chain"))
    ... except AssertionError as error:
    ...     print(str(error)[-39:])
    A layer reads only the layer before it.

    Source: Huang et al., "Densely Connected Convolutional Networks" (arXiv
    1608.06993), Section 3.
    """
    right = [
        variant(place=place, pad=pad)
        for place in ("end", "front", "input first")
        for pad in ("same", "zeros")
    ]
    check_block(block, right, (8, 7, 5), [(3, 2), (1, 3)], mistakes=MISTAKES)


def variant(
    *,
    order="bn relu conv",
    size=3,
    bias=False,
    reads="everything",
    gives="everything",
    place="end",
    pad="same",
    more=0,
):
    """A dense block with one thing or another done differently."""

    def conv(x, filters):
        if pad == "zeros" and size > 1:
            x = layers.ZeroPadding2D(size // 2)(x)
            return layers.Conv2D(filters, size, use_bias=bias)(x)
        return layers.Conv2D(filters, size, padding="same", use_bias=bias)(x)

    def layer(x, filters):
        for step in order.split():
            if step == "bn":
                x = layers.BatchNormalization()(x)
            elif step == "relu":
                x = layers.ReLU()(x)
            else:
                x = conv(x, filters)
        return x

    def join(maps):
        if place == "front":
            maps = maps[::-1]
        elif place == "input first":
            maps = [maps[0], *maps[:0:-1]]
        return layers.Concatenate()(maps) if len(maps) > 1 else maps[0]

    def block(x, count, growth):
        maps = [x]
        for _ in range(count + more):
            if reads == "sum":
                filters = maps[-1].shape[-1]
                maps.append(layers.Add()([maps[-1], layer(maps[-1], filters)]))
                continue
            wanted = {"chain": maps[-1:], "input": maps[:1], "new": maps[1:] or maps}
            maps.append(layer(join(wanted.get(reads, maps)), growth))
        if reads == "sum" or gives == "last":
            return maps[-1]
        return join(maps[1:] if gives == "new" else maps)

    return block


MISTAKES = {
    "A layer reads only the layer before it.": variant(reads="chain"),
    "All layers read the input of the block, and nothing else.": variant(reads="input"),
    "After the first layer, no layer reads the input of the block.": variant(
        reads="new"
    ),
    "The maps are added, not concatenated.": variant(reads="sum"),
    "Only the last layer comes out: the block gives all its maps.": variant(
        gives="last"
    ),
    "The input of the block does not come out with the new maps.": variant(gives="new"),
    "The layers are post-activated: the convolution comes first.": variant(
        order="conv bn relu"
    ),
    "The ReLU comes before the normalization.": variant(order="relu bn conv"),
    "There is no ReLU: the block is one linear map.": variant(order="bn conv"),
    "Nothing is normalized.": variant(order="relu conv"),
    "The kernels are 1x1.": variant(size=1),
    "The convolutions have biases.": variant(bias=True),
    "There is one layer too many.": variant(more=1),
    "There is one layer too few.": variant(more=-1),
}
