"""Checker of the chapter on VGG."""

from companion.conformance import check_function

__all__ = ["check_vgg_params"]

WIDTHS = (64, 128, 256, 512, 512)  # of the five stages; Table 1 of the paper
HIDDEN_UNITS = 4096


def check_vgg_params(function):
    """Name the mistake in a count of VGG's parameters.

    Args:
        function: called as `function(counts, side, classes)`, and with `counts` alone,
            which means an image of 224x224 and 1000 classes. `counts` are the 3x3
            convolutions of the five stages.

    Raises:
        ConformanceError: names the mistake.

    Example:

    >>> try:
    ...     check_vgg_params(variant(bias=False))
    ... except AssertionError as error:
    ...     print(str(error)[-46:])
    Every output channel and unit has a bias, too.

    Source: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale
    Image Recognition" (arXiv 1409.1556), Table 1.
    """
    cases = [
        ((2, 2, 3, 3, 3),),
        ((1, 1, 2, 2, 2), 64, 10),
        ((2, 2, 4, 4, 4), 320, 7),
        ((1, 2, 1, 3, 1), 32, 100),
    ]
    check_function(function, variant(), cases, mistakes=MISTAKES)


def variant(
    *,
    bias=True,
    first="input",
    image=3,
    widths=WIDTHS,
    size=3,
    map_side="map",
    hidden=(HIDDEN_UNITS, HIDDEN_UNITS),
    output=True,
    defaults=False,
):
    """A count, right or with one thing done differently."""

    def count(counts, side=224, classes=1000):
        if defaults:
            side, classes = 224, 1000
        total, c_in = 0, image
        for number, width in zip(counts, widths, strict=True):
            if first == "width":
                c_in = width
            for _ in range(number):
                total += size**2 * c_in * width + bias * width
                c_in = width
        sides = {"map": side // 32, "number": 1, "image": side, "late": side // 16}
        inputs = sides[map_side] ** 2 * c_in
        for units in (*hidden, *([classes] if output else [])):
            total += inputs * units + bias * units
            inputs = units
        return total

    return count


MISTAKES = {
    "Every output channel and unit has a bias, too.": variant(bias=False),
    "The first layer of a stage has the channels of the stage before as its input.": (
        variant(first="width")
    ),
    "The image has three channels.": variant(image=1),
    "The last two stages have the same width.": variant(
        widths=(64, 128, 256, 512, 1024)
    ),
    "The kernels are 3x3.": variant(size=5),
    "A kernel of 3x3 has nine weights for each pair of channels.": variant(size=1),
    "fc6 sees a map, not one number for each channel.": variant(map_side="number"),
    "fc6 sees what five poolings leave of the image.": variant(map_side="image"),
    "There are five poolings, not four.": variant(map_side="late"),
    "Between fc6 and the classes stands fc7.": variant(hidden=(HIDDEN_UNITS,)),
    "The last layer, from fc7 to the classes, is missing.": variant(output=False),
    "The dense layers are missing.": variant(hidden=(), output=False),
    "The side decides fc6, and the number of classes fc8.": variant(defaults=True),
}
