"""The models of the course, each beside the numbers that its paper published.

A family of networks has a builder, a function with all arguments explained. A published
network is a variant, a function of a few lines that calls the builder with the paper's
numbers. ``@variant(builder, params=..., ...)`` above it says what was published and
completes its signature and its documentation from the builder's. A network without
relatives is a plain function below ``@register(params=..., ...)``.

Every model takes keyword arguments only, and its published numbers hold for the
defaults. The rest of the contract depends on its task:

``classification``
    ``input_shape`` is (height, width, channels). ``classes=7`` gives (batch, 7);
    ``classes=None`` gives the last feature map, and then a side may be ``None``.
``segmentation``
    As for classification, but ``classes=7`` gives seven scores for every pixel,
    (batch, height, width, 7).
``detection``
    ``input_shape`` is (height, width, channels). ``classes=7`` gives boxes and scores,
    in one output or several, as the model's documentation says.
``video``
    As for classification with one more axis: ``input_shape`` is (frames, height, width,
    channels), the feature map (batch, frames, height, width, channels).
``generation``
    ``input_shape`` is that of a code, such as (100,); the output is (batch, height,
    width, channels). There is no ``classes``.

A network of several inputs takes a tuple of shapes, one for each, as ``input_shape``.
"""

import ast
import functools
import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from companion.arguments import channels_last, integer

TASKS = ("classification", "segmentation", "detection", "video", "generation")
Build = TypeVar("Build", bound=Callable)


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
        feature_map: shape of the last feature map of one image, or ``None`` where the
            registration does not say.
    """

    name: str
    build: Callable
    params: int
    macs: int
    receptive_field: int | None
    source: str
    task: str
    feature_map: tuple[int, ...] | None = None


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


@functools.cache
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


def register(
    *,
    params,
    macs,
    source,
    receptive_field=None,
    task="classification",
    feature_map=None,
) -> Callable[[Build], Build]:
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
        feature_map: shape of the last feature map of one image, such as (7, 7, 512).

    Returns:
        A decorator that files the function in ``MODELS`` under its name and
        returns it unchanged.

    Raises:
        ValueError: if a number is not a positive integer, if the source is empty, if
            the task is none of ``TASKS``, or if the name belongs to another function,
            be it in a file that is not imported yet.

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
    params, macs = integer("params", params), integer("macs", macs)
    if receptive_field is not None:
        receptive_field = integer("receptive_field", receptive_field)
    if task not in TASKS:
        raise ValueError(f"`task` must be one of {TASKS}. Received: task={task!r}")
    if not source:
        raise ValueError(
            "`source` must say where the numbers were published. "
            f"Received: source={source!r}"
        )

    def add(build):
        name = build.__name__
        _refuse_taken(name, build.__module__)
        MODELS.entries[name] = Entry(
            name, build, params, macs, receptive_field, source, task, feature_map
        )
        return build

    return add


def _refuse_taken(name, module):
    """A name has one owner: a registered function, or the file that the stub names."""
    owner = None
    if name in MODELS.entries:
        owner = MODELS.entries[name].build.__module__
    elif name in _files() and module != f"companion.models.{_files()[name]}":
        owner = f"companion.models.{_files()[name]}"
    if owner is not None:
        raise ValueError(
            f"A model can be registered once only. Received: name={name!r}, "
            f"registered already by {owner}"
        )


def variant(builder, *, feature_map=None, **published) -> Callable[[Build], Build]:
    """Declare a published member of a family; its help is completed from the builder's.

    The function below hands its ``**options`` to the builder and says only what is its
    own: defaults, a sentence, an example. From the builder it gets the other
    keyword-only arguments, what all of them mean, what is raised, and the reference,
    unless it gives its own.

    Args:
        builder: the function that builds the family.
        feature_map: shape of the last feature map of one image, such as (7, 7, 512).
        **published: what ``register`` takes: ``params``, ``macs``, ``source``, ...

    Returns:
        A decorator that completes the signature and the documentation of the function,
        registers it and returns it.

    Raises:
        ValueError: as ``register``.

    Example:

    >>> import keras
    >>> def Perceptron(units, *, input_shape=(9,), name="perceptron"):
    ...     '''A network of one layer.
    ...
    ...     Args:
    ...         units: number of outputs.
    ...         input_shape: shape of one input.
    ...         name: name of the model.
    ...
    ...     Raises:
    ...         ValueError: if an argument breaks its rule.
    ...
    ...     Reference: Rosenblatt, 1958.
    ...     '''
    ...     inputs = keras.Input(input_shape)
    ...     return keras.Model(inputs, keras.layers.Dense(units)(inputs), name=name)
    >>> @variant(Perceptron, params=10, macs=9, source="by hand")
    ... def Perceptron1(*, name="perceptron1", **options):
    ...     '''The smallest of them.
    ...
    ...     >>> Perceptron1().count_params()
    ...     10
    ...     '''
    ...     return Perceptron(1, name=name, **options)
    >>> inspect.signature(Perceptron1)
    <Signature (*, input_shape=(9,), name='perceptron1')>
    >>> Perceptron1.__doc__.splitlines()[:4]
    ['The smallest of them.', '', 'Args:', '    input_shape: shape of one input.']
    >>> del MODELS.entries["Perceptron1"]
    """

    def complete(build):
        build.__signature__ = _signature(build, builder)
        if build.__doc__:  # python -OO leaves none
            build.__doc__ = _documentation(build, builder, feature_map)
        return register(feature_map=feature_map, **published)(build)

    return complete


def _keywords(function):
    """The keyword-only parameters of a function by name."""
    parameters = inspect.signature(function).parameters
    return {name: p for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY}


def _signature(build, builder):
    return inspect.Signature(list((_keywords(builder) | _keywords(build)).values()))


def _documentation(build, builder, feature_map):
    """The variant's words, example and reference among the sections of the builder."""
    own, _, reference = inspect.getdoc(build).partition("\n\nReference: ")
    words, prompt, example = own.partition(">>>")
    shared, _, shared_reference = inspect.getdoc(builder).partition("\n\nReference: ")
    sections = dict(re.findall(r"(\w+):\n((?:    .+\n)+)", shared + "\n"))
    explained = re.findall(r"    (\w+)(:.+\n(?:     .+\n)*)", sections["Args"])
    keywords = _keywords(build)
    args = [f"    {name}{text}" for name, text in explained if name in keywords]
    parts = [words, "Args:\n" + "".join(args)]
    if feature_map is not None:
        maps = ", ".join(map(str, feature_map))
        image = ", ".join(map(str, keywords["input_shape"].default))
        parts.append(
            f"Shapes:\n    ``(batch, {image})`` to "
            f"``(batch, {keywords['classes'].default})``; with ``classes=None`` to\n"
            f"    ``(batch, {maps})``."
        )
        prompt = prompt or f">>> {build.__name__}(classes=None).output.shape\n"
        example = example or f"(None, {maps})"
    parts += [f"Raises:\n{sections['Raises']}", f"Example:\n\n{prompt}{example}"]
    parts += [f"Reference: {reference or shared_reference}"]
    return "\n\n".join(part.rstrip() for part in parts)


def check_arguments(input_shape, classes, *, smallest_side=1, flattened=False):
    """Refuse the two arguments that every model takes when it cannot build with them.

    Args:
        input_shape: ``(height, width, channels)`` of one image, channels last.
        classes: length of the output, or ``None`` for the feature map.
        smallest_side: the shortest side that leaves one unit in the last map.
        flattened: whether the classifier reads the flattened map, whose sides must
            then be known; after global pooling they may be ``None``.

    Returns:
        ``input_shape`` and ``classes``, NumPy integers made plain ones.

    Raises:
        ValueError: names the rule and the value; also if Keras' global image format is
            ``"channels_first"``.

    Example:

    >>> check_arguments((32, 32, 3), 10, smallest_side=67)
    Traceback (most recent call last):
        ...
    ValueError: Sides of the image must be 67 or more. Received: input_shape=(32, 32, 3)
    """
    channels_last()
    received = f"Received: input_shape={input_shape}"
    if not isinstance(input_shape, (tuple, list)) or len(input_shape) != 3:
        raise ValueError(f"`input_shape` must be (height, width, channels). {received}")
    *sides, channels = input_shape
    try:
        rule = "Channels must be a positive integer"
        channels = integer("channels", channels)
        rule = f"Sides of the image must be {smallest_side} or more"
        sides = [
            side if side is None else integer("side", side, least=smallest_side)
            for side in sides
        ]
    except ValueError:
        raise ValueError(f"{rule}. {received}") from None
    if classes is not None:
        classes = integer("classes", classes)
        if flattened and None in sides:
            raise ValueError(
                "Sides of the image must be known for the dense classifier: give "
                f"them, or `classes=None` for the feature map. {received}"
            )
    return (*sides, channels), classes


def check_counts(counts):
    """Refuse what cannot say how many blocks each stage of a network has.

    Returns:
        ``counts`` as a tuple of plain integers.

    Raises:
        ValueError: if it is not a tuple or list of positive integers.

    Example:

    >>> check_counts([3, 4, 6, 3])
    (3, 4, 6, 3)
    >>> check_counts((3, 0))
    Traceback (most recent call last):
        ...
    ValueError: `counts[1]` must be a positive integer. Received: counts[1]=0
    """
    if not isinstance(counts, (tuple, list)) or not counts:
        raise ValueError(
            "`counts` must be a tuple with the number of blocks of each stage. "
            f"Received: counts={counts!r}"
        )
    return tuple(integer(f"counts[{i}]", count) for i, count in enumerate(counts))


def check_block(x, **numbers):
    """Refuse what no block can work with: its input, and numbers that must be positive.

    Args:
        x: maps, ``(batch, height, width, channels)``, with known channels.
        **numbers: arguments of the block that must be positive integers.

    Returns:
        The numbers in their order, NumPy integers made plain ones, as Keras wants them.

    Raises:
        ValueError: names the rule and the value; also if Keras' global image format is
            ``"channels_first"``.

    Example:

    >>> import keras
    >>> check_block(keras.Input((8, 8, 16)), filters=16, stride=0)
    Traceback (most recent call last):
        ...
    ValueError: `stride` must be a positive integer. Received: stride=0
    """
    channels_last()
    shape = getattr(x, "shape", ())
    if len(shape) != 4 or shape[-1] is None:
        raise ValueError(
            "A block reads maps (batch, height, width, channels) with known channels. "
            f"Received: x={x!r}"
        )
    return tuple(integer(name, value) for name, value in numbers.items())
