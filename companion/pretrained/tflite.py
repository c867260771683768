"""TensorFlow Lite: one FlatBuffer with the layers, the names and the numbers.

A FlatBuffer is a tree of tables. A table begins with the distance back to its list of
offsets, one for each field of the schema (0: the field is not there); strings, lists
and tables are reached by offsets from where the offset stands. All is little-endian.
The schema is ``schema.fbs`` of TensorFlow Lite; numbers below are its fields.
"""

import struct

import numpy as np

__all__ = ["read_tflite"]

FLOAT32 = 0


def read_tflite(path):
    """The constants of the network in float32, by their names.

    Args:
        path: a ``pathlib.Path``.

    Returns:
        ``{name: array}``; kernels are (filters, height, width, channels), depthwise
        ones (1, height, width, channels).
    """
    data = path.read_bytes()
    if data[4:8] != b"TFL3":
        raise ValueError("it does not say that it is of TensorFlow Lite")

    def number(form, at):
        return struct.unpack_from(f"<{form}", data, at)[0]

    def field(table, index):
        """Where a field of a table stands; ``None`` if the table has none."""
        offsets = table - number("i", table)
        if 4 + 2 * index >= number("H", offsets):
            return None
        offset = number("H", offsets + 4 + 2 * index)
        return table + offset if offset else None

    def vector(at):
        """Where the items of a list or the letters of a string begin; their number."""
        start = at + number("I", at)
        return start + 4, number("I", start)

    def tables(at):
        start, count = vector(at)
        places = range(start, start + 4 * count, 4)
        return [place + number("I", place) for place in places]

    model = number("I", 0)
    (graph,) = tables(field(model, 2))  # subgraphs
    buffers = tables(field(model, 4))
    constants = {}
    for tensor in tables(field(graph, 0)):  # shape, type, buffer, name
        buffer = field(tensor, 2)
        content = field(buffers[number("I", buffer)], 0) if buffer else None
        kind = field(tensor, 1)
        if content is None or (kind and number("b", kind) != FLOAT32):
            continue
        start, count = vector(field(tensor, 0))
        shape = struct.unpack_from(f"<{count}i", data, start)
        start, count = vector(field(tensor, 3))
        name = data[start : start + count].decode()
        start, count = vector(content)
        if min(shape, default=1) < 1 or count != 4 * int(np.prod(shape, dtype=object)):
            raise ValueError(f"{name} has shape {shape} in {count} bytes")
        constants[name] = np.frombuffer(data, "<f4", count // 4, start).reshape(shape)
    if not constants:
        raise ValueError("there are no numbers in it")
    return constants
