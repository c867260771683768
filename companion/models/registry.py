"""The models of the course, each beside the numbers that its paper published."""

import ast
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

TASKS = ("classification", "segmentation", "detection", "video", "generation")


@dataclass(frozen=True)
class Entry:
    """One model and what was published about it, all at its default arguments.

    Args:
        name: name of the building function, the key in ``MODELS``.
        build: the function that returns the ``keras.Model``.
        params: trainable parameters.
        macs: multiply-adds of convolutions and dense layers for one image.
        receptive_field: side in pixels of the field of one unit of the last
            feature map, or ``None`` where none was published.
        source: where the numbers come from.
        task: what the model is for, one of ``TASKS``; its contract depends on it.
    """

    name: str
    build: Callable
    params: int
    macs: int
    receptive_field: int | None
    source: str
    task: str


class Models(Mapping):
    """All registered models by name; a paper's file is imported when it is asked for.

    >>> MODELS["VGG16"].params
    138357544
    """

    def __init__(self):
        self.entries = {}

    def __getitem__(self, name):
        if name not in self.entries:
            self._import(name)
        return self.entries[name]

    def __iter__(self):
        for file in sorted(set(_files().values())):
            importlib.import_module(f"companion.models.{file}")
        return iter(sorted(self.entries))

    def __len__(self):
        return len(list(iter(self)))

    def _import(self, name):
        file = _files().get(name)
        if file is not None:
            importlib.import_module(f"companion.models.{file}")
        if name not in self.entries:
            raise KeyError(name)


def _files():
    """Which file below companion/models defines each public name, as the stub says."""
    stub = ast.parse(Path(__file__).with_name("__init__.pyi").read_text("utf8"))
    return {
        alias.asname or alias.name: node.module
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


MODELS = Models()


def register(*, params, macs, source, receptive_field=None, task="classification"):
    """Declare the published numbers of the model function below.

    The numbers stand beside the model that they describe, and one test checks
    every entry of ``MODELS`` against a model that was really built. They come
    from outside: a paper, its released definition, an independent implementation.

    Args:
        params: trainable parameters, a positive integer.
        macs: multiply-adds for one image, a positive integer.
        source: where the numbers were published.
        receptive_field: side in pixels of the field of one unit of the last
            feature map; ``None`` where nothing was published.
        task: what the model is for, one of ``TASKS``.

    Returns:
        A decorator that files the function in ``MODELS`` under its name and
        returns it unchanged.

    Raises:
        ValueError: if a number is not a positive integer, if the source is
            empty, if the task is none of ``TASKS``, or if a model of that name is registered already.

    Example:

    >>> import keras
    >>> @register(params=10, macs=9, source="by hand")
    ... def TinyNet():
    ...     inputs = keras.Input((9,))
    ...     return keras.Model(inputs, keras.layers.Dense(1)(inputs))
    >>> MODELS["TinyNet"].params
    10
    >>> del MODELS.entries["TinyNet"]
    """
    for rule, number in (("params", params), ("macs", macs)):
        _check_positive(rule, number)
    if receptive_field is not None:
        _check_positive("receptive_field", receptive_field)
    if task not in TASKS:
        raise ValueError(f"`task` must be one of {TASKS}. Received: task={task!r}")
    if not source:
        raise ValueError(
            "`source` must say where the numbers were published. "
            f"Received: source={source!r}"
        )

    def add(build):
        name = build.__name__
        if name in MODELS.entries:
            raise ValueError(
                f"A model can be registered once only. Received: name={name!r}, "
                f"registered already by {MODELS.entries[name].build.__module__}"
            )
        MODELS.entries[name] = Entry(
            name, build, params, macs, receptive_field, source, task
        )
        return build

    return add


def check_arguments(input_shape, classes, *, smallest_side):
    """Refuse the two arguments that every model takes when it cannot build with them.

    Args:
        input_shape: ``(height, width, channels)`` of one image, channels last.
        classes: length of the output, or ``None`` for the feature map.
        smallest_side: the shortest side that leaves one unit in the last map.

    Raises:
        ValueError: names the rule and the value.

    Example:

    >>> check_arguments((32, 32, 3), 10, smallest_side=67)
    Traceback (most recent call last):
        ...
    ValueError: Sides of the image must be 67 or more. Received: input_shape=(32, 32, 3)
    """
    received = f"Received: input_shape={input_shape}"
    if not isinstance(input_shape, (tuple, list)) or len(input_shape) != 3:
        raise ValueError(f"`input_shape` must be (height, width, channels). {received}")
    *sides, channels = input_shape
    if not _is_positive(channels):
        raise ValueError(f"Channels must be a positive integer. {received}")
    if classes is not None:
        _check_positive("classes", classes)
        if None in sides:
            raise ValueError(
                "Sides of the image must be known for the dense classifier: give "
                f"them, or `classes=None` for the feature map. {received}"
            )
    for side in sides:
        if side is not None and not (_is_positive(side) and side >= smallest_side):
            raise ValueError(
                f"Sides of the image must be {smallest_side} or more. {received}"
            )


def _is_positive(number):
    return isinstance(number, int) and not isinstance(number, bool) and number > 0


def _check_positive(name, number):
    if not _is_positive(number):
        raise ValueError(
            f"`{name}` must be a positive integer. Received: {name}={number!r}"
        )
