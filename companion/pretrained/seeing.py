"""What a network with published weights sees in a photograph."""

import keras
import numpy as np

from companion.arguments import integer
from companion.data.published import DATASETS
from companion.results.photographs import Seen, cropped

__all__ = ["see"]

GREY = 127  # level of the square that hides a part
COVER = 3  # side of the square in cells of the grid
LARGEST = 56  # side of the maps that are kept
BATCH = 14


def see(model, photograph, layers=(), grid=None, channels=5):
    """Probabilities, filters, feature maps and an occlusion map of one photograph.

    The occlusion map asks which part of the photograph the answer rests on (Zeiler and
    Fergus 2014, Section 4.2): a grey square three cells wide hides one place after the
    other, and the probability of the class that was the first without it is noted. It
    takes ``grid`` x ``grid`` forward passes.

    Args:
        model: a model that ``pretrained.load`` has filled.
        photograph: uint8 array ``(height, width, 3)``; the centre is used.
        layers: names of layers whose output is shown.
        grid: cells on each side of the occlusion map; ``None`` for no such map.
        channels: how many channels of each layer: those with the largest mean.

    Returns:
        A ``companion.results.Seen``, as ``results.seen`` gives from the record.

    Raises:
        ValueError: if weights are not published for the model or not loaded, if it has
            no layer of a given name, or if an occlusion map is asked of a model without
            a classifier.

    Example:

        model = pretrained.load(models.ResNet50())
        cat = pretrained.see(model, data.photograph("chelsea"), ["conv3_4_relu"])
    """
    from companion.pretrained import describe, preprocess, row_of

    row = row_of(model, None, None)
    side = model.input_shape[1]
    if side is None or model.input_shape[2] != side:
        raise ValueError(
            "The model must take square images of one size. "
            f"Received: input_shape={model.input_shape}"
        )
    image = cropped(np.asarray(photograph), side)
    known = {layer.name: layer for layer in model.layers}
    for name in layers:
        if name not in known:
            raise ValueError(f"{model.name} has no such layer. Received: {name!r}")
    outputs = [model.output, *(known[name].output for name in layers)]
    parts = keras.Model(model.input, outputs)
    answer, *found = (
        keras.ops.convert_to_numpy(each)
        for each in parts(preprocess(model, image), training=False)
    )
    turn = -1 if row.turned else 1
    maps, kept = {}, {}
    for name, array in zip(layers, found, strict=True):
        maps[name], kept[name] = strongest(array[0][::turn, ::turn], channels)
    classifies = answer.ndim == 2
    if grid is not None and not classifies:
        raise ValueError(
            "An occlusion map shows a probability: the model must have its classifier. "
            f"Received: grid={grid!r}, output_shape={model.output_shape}"
        )
    hidden = None
    if grid is not None:
        hidden = occlusion(model, image, int(answer.argmax()), grid)
    kernel = keras.ops.convert_to_numpy(model.weights[0])
    if row.pixels == "caffe":  # blue came first
        kernel = kernel[:, :, ::-1]
    return Seen(
        network=row.model,
        weights=describe(row),
        image=image,
        top=named(answer[0]) if classifies else [],
        occlusion=hidden,
        filters=kernel[::turn, ::turn],
        maps=maps,
        channels=kept,
    )


def named(answer):
    """[(class, probability), ...], the five most probable of ImageNet or CIFAR-10."""
    from companion.pretrained import class_names

    small = len(answer) == 10
    names = DATASETS["cifar10"].classes if small else [b for _, b in class_names()]
    best = np.argsort(-answer, kind="stable")[:5]
    return [(names[i], float(answer[i])) for i in best]


def strongest(array, count):
    """The channels with the largest mean, as grey levels, and their numbers."""
    best = np.argsort(-array.mean((0, 1)), kind="stable")[:count]
    array = reduced(array[..., best])
    low, high = array.min((0, 1)), array.max((0, 1))
    spread = np.where(high > low, high - low, 1)
    return np.rint((array - low) / spread * 255).astype("uint8"), best.tolist()


def reduced(array):
    """Means of squares, so that the sides are at most `LARGEST`."""
    step = -(-array.shape[0] // LARGEST)
    rows, columns = (side // step for side in array.shape[:2])
    array = array[: rows * step, : columns * step]
    return array.reshape(rows, step, columns, step, -1).mean((1, 3))


def occlusion(model, image, number, grid):
    """The probability of a class while a square hides the place, (grid, grid)."""
    from companion.pretrained import preprocess

    grid = integer("grid", grid, least=2)
    side = len(image)
    edges = np.rint(np.linspace(0, side, grid + 1)).astype(int)
    reach = COVER // 2
    copies = []
    for row in range(grid):
        for column in range(grid):
            copy = image.copy()
            top, left = (edges[max(0, at - reach)] for at in (row, column))
            low, right = (edges[min(grid, at + reach + 1)] for at in (row, column))
            copy[top:low, left:right] = GREY
            copies.append(copy)
    chances = model.predict(
        preprocess(model, np.stack(copies)), batch_size=BATCH, verbose=0
    )
    return chances[:, number].reshape(grid, grid)
