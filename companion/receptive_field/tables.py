"""Receptive fields of the layers of a model."""

from companion.receptive_field.sizes import OUTPUT, all_rows

__all__ = ["receptive_field", "receptive_field_table"]


OTHER_MODEL = ", or such a layer of this very model"


def named_rows(model, input_size, ignore_global):
    """A dict of the rows of all calls by name, and a list of those of the outputs."""
    rows = all_rows(model, input_size, ignore_global)
    outputs = [row for row in rows if row.name == OUTPUT]
    rows = [row for row in rows if row.name != OUTPUT]
    names = numbered([row.name for row in rows])
    return dict(zip(names, rows, strict=True)), outputs


def numbered(names):
    """The names, with "(call 1)", "(call 2)" behind one that occurs twice."""
    return [
        f"{name} (call {names[: i + 1].count(name)})" if names.count(name) > 1 else name
        for i, name in enumerate(names)
    ]


def find(layer, operations):
    """The name that stands for a layer, its name or a number of its calls.

    Args:
        layer: the layer or its name.
        operations: dict from the name of each call to the layer that is called.

    Raises:
        ValueError: if there is no such call, or more than one.
    """
    if isinstance(layer, str):
        found = [layer] if layer in operations else []
    else:
        found = [name for name, own in operations.items() if own is layer]
    if len(found) != 1:
        other = "" if isinstance(layer, str) or found else OTHER_MODEL
        raise ValueError(
            f"layer must be one of {found or list(operations)}{other}. "
            f"Received: layer={layer!r}"
        )
    return found[0]


def receptive_field(model, layer=None, input_size=None, *, ignore_global=False):
    """Receptive fields of the units of a layer, for any Functional or Sequential model.

    The graph of the model is followed from the image on. Where branches meet, the
    field is the union of theirs; if their centres differ, `aligned` is False and
    `notes` lists the centres. A pooling window counts like a kernel, and padding like
    pixels. Every unit of a tensor without height and width (after Flatten, global
    pooling, a Reshape to a row of tokens) has one field: all that is seen of the
    image, with stride 0. Where a Reshape keeps an axis of the image, its units keep
    their fields: behind ``Reshape((12, 14))`` of an image (12, 14, 1), a Dense layer
    sees one row, (1, 14).

    Sequences (batch, steps, channels) and volumes are images of one and three axes.
    A recurrent layer over the steps sees the past. Of several inputs those with most
    axes are the images; the others do not depend on an image.

    A squeeze-excite gate, or any other branch that sees the whole image, makes the
    field the whole image. Published tables leave such branches out;
    `ignore_global=True` does the same, and `notes` says which ones.

    If the image size is unknown, it is tried in all remainders: an offset that
    depends on it is None, `size` is the largest that occurs, and infinite where the
    field grows with the image, as after a global operation.

    Args:
        model: Functional or Sequential Keras model that reads
            (batch, height, width, channels), or a sequence or a volume.
        layer: layer of this model or its name; ``"outer/inner"`` inside a nested model,
            ``"name (call 2)"`` for the second call of a shared layer. None is the
            model's output.
        input_size: side or (height, width) of the image, instead of the model's own;
            one number for each axis.
        ignore_global: leave branches that see the whole image out of merges with
            others.

    Returns:
        A `ReceptiveField`.

    Raises:
        TypeError: for a subclassed model, or a layer that is not registered with
            `kernel_geometry`; the message names it and says how to register it.
        ValueError: for an unknown layer name, a model that reads no image, or a
            bad `input_size`, a layer that does not depend on the image, a registered
            geometry that does not match the layer's output, or a field that cannot
            be told.

    Example:

    >>> import keras
    >>> image = keras.Input((224, 224, 3))
    >>> x = keras.layers.Conv2D(64, 7, strides=2, padding="same")(image)
    >>> x = keras.layers.MaxPooling2D(3, strides=2, padding="same", name="pool")(x)
    >>> receptive_field(keras.Model(image, x), "pool")
    ReceptiveField(size=11, stride=4, offset=-2)

    Reference: Araujo, Norris and Sim (2019), sections "Single-path networks" and
    "Arbitrary computation graphs".
    """
    rows, outputs = named_rows(model, input_size, ignore_global)
    if layer is None and len(outputs) > 1:
        raise ValueError(
            f"{model.name!r} has {len(outputs)} outputs: say which layer, "
            f"one of {list(rows)}. Received: layer=None"
        )
    row = outputs[0] if layer is None else rows[find(layer, operations(rows))]
    if row.field is None:
        raise ValueError(
            f"{row.name!r} does not depend on the image. Received: layer={layer!r}"
        )
    return row.field


def operations(rows):
    return {name: row.operation for name, row in rows.items()}


def receptive_field_table(model, input_size=None, *, ignore_global=False):
    """Receptive fields of all layers of a model, one row per call of a layer.

    Args:
        model: as in `receptive_field`.
        input_size: as in `receptive_field`.
        ignore_global: as in `receptive_field`.

    Returns:
        A pandas DataFrame with the columns layer, output shape, size, stride, offset
        and aligned. Layers that do not depend on the image are left out.

    Example:

    >>> import keras
    >>> model = keras.Sequential([keras.Input((32, 32, 1)),
    ...     keras.layers.Conv2D(6, 5, name="c1"), keras.layers.MaxPool2D(name="s2")])
    >>> print(receptive_field_table(model).to_string(index=False))
    layer output shape  size  stride  offset  aligned
       c1  (28, 28, 6)     5       1       0     True
       s2  (14, 14, 6)     6       2       0     True
    """
    import pandas

    rows, _ = named_rows(model, input_size, ignore_global)
    fields = [
        (name, row.shape, *figures(row.field))
        for name, row in rows.items()
        if row.field is not None
    ]
    columns = ["layer", "output shape", "size", "stride", "offset", "aligned"]
    return pandas.DataFrame(fields, columns=columns)


def figures(field):
    return field.size, field.stride, field.offset, field.aligned
