"""What a layer's units see of the layer's input: the rules that layers bring along.

Nothing here knows a layer. Those of this package register in their own files, as
layers of yours do; Keras' layers register in `keras_rules`, when one is asked for.
"""

import functools
import importlib

from companion.receptive_field.windows import Window

__all__ = ["element_wise", "kernel_geometry", "local_geometry"]


def element_wise(layer, size):
    """The geometry of a layer that works position by position.

    Register it for a layer of yours that never looks at a neighbouring position:
    ``kernel_geometry.register(MyLayer, element_wise)``.

    Args:
        layer: the layer.
        size: sizes of the layer's input along its axes, such as (height, width).

    Returns:
        A list of windows, one per axis, that see one input unit each.
    """
    return [Window.sliding(units, kernel=1) for units in size]


@functools.singledispatch
def kernel_geometry(layer, size):
    """The windows of a layer, one per axis; new layers join by registering.

    A subclass inherits the rule only with the `call` method: one that computes
    something else must register. `receptive_field` compares the units of the windows
    with the output that the layer really has.

    Args:
        layer: a Keras layer.
        size: sizes of the layer's input along all axes but batch and channels, such
            as (height, width); always known numbers.

    Returns:
        A list of `Window`, one for each number of `size`.

    Raises:
        TypeError: for a layer that is not registered.

    Example:

    >>> import keras
    >>> class Blur(keras.layers.Layer):
    ...     "A 3x3 mean of every second position."
    >>> @kernel_geometry.register(Blur)
    ... def blur_geometry(layer, size):
    ...     return [Window.sliding(n, kernel=3, stride=2, padding="same") for n in size]
    >>> kernel_geometry(Blur(), (8, 9))[1]
    Window(taps=((-1, 0, 1),), step=2, units=5)
    """
    load_keras_rules()
    rule = kernel_geometry.dispatch(type(layer))
    if rule is kernel_geometry.dispatch(object):
        raise TypeError(unknown(layer))
    return rule(layer, size)


@functools.singledispatch
def local_geometry(layer, size):
    """The windows of a layer without the global context inside it.

    The gate of a `SqueezeExcite`, or the statistics of a `GroupNormalization`, let
    every unit see the whole map; published tables count the path beside it only. This
    is what `ignore_global=True` asks for. A layer without such a context does not
    register here: its windows are those of `kernel_geometry`.

    Args:
        layer: a Keras layer.
        size: as in `kernel_geometry`.

    Returns:
        A list of `Window`, one for each number of `size`.

    Raises:
        TypeError: for a layer that is not registered with `kernel_geometry` either.

    Example: a 3x3 convolution whose kernel depends on the mean of the map.

    >>> import keras
    >>> class Dynamic(keras.layers.Layer):
    ...     "Sees everything, through the choice of its kernel."
    >>> @kernel_geometry.register(Dynamic)
    ... def dynamic_geometry(layer, size):
    ...     return [Window.everything(n, n) for n in size]
    >>> @local_geometry.register(Dynamic)
    ... def dynamic_local_geometry(layer, size):
    ...     return [Window.sliding(n, kernel=3, padding="same") for n in size]
    >>> local_geometry(Dynamic(), (8, 9))[1]
    Window(taps=((-1, 0, 1),), step=1, units=9)
    """
    load_keras_rules()
    rule = local_geometry.dispatch(type(layer))
    if rule is local_geometry.dispatch(object):
        return layer_windows(layer, size)
    return rule(layer, size)


def load_keras_rules():
    """Let Keras' own layers register."""
    importlib.import_module("companion.receptive_field.keras_rules")


def nearest(kinds, layer):
    """The class of `kinds` whose `call` a layer runs; None if there is none.

    A subclass with a `call` of its own may compute something else than its parent.
    """
    kind = type(layer)
    parent = next((parent for parent in kind.__mro__ if parent in kinds), None)
    inherits = parent not in (None, object) and kind.call is parent.call
    return parent if inherits else None


def layer_windows(layer, size, geometry=kernel_geometry):
    """What the rule for this type of layer says, if the layer obeys it.

    Raises:
        TypeError: if there is no rule.
        ValueError: if the rule returns no windows, or not one per axis.
    """
    load_keras_rules()
    kind = nearest(geometry.registry, layer)
    if kind is None and geometry is local_geometry:
        return layer_windows(layer, size)
    if kind is None and type(layer).__module__.startswith("keras.src.applications"):
        return element_wise(layer, size)  # LayerScale, StochasticDepth and their like
    if kind is None:
        raise TypeError(unknown(layer))
    windows = geometry.registry[kind](layer, size)
    if (
        not isinstance(windows, (list, tuple))
        or len(windows) != len(size)
        or not all(isinstance(window, Window) for window in windows)
    ):
        raise ValueError(
            f"The rule registered for {kind.__name__} must return a list of "
            f"{len(size)} `Window`, one for each axis of size={tuple(size)}. "
            f"Received: {windows!r}"
        )
    return list(windows)


def unknown(operation):
    """Why `receptive_field` stops at a layer or an operation, and what helps."""
    import keras

    kind = type(operation).__name__
    start = f"receptive_field does not know what {operation.name!r} ({kind}) sees"
    if not isinstance(operation, keras.layers.Layer):
        return (
            f"receptive_field does not know what the operation {operation.name!r} "
            f"({kind}) sees. Put it into the `call` of a layer of your own, and "
            f"register that with `kernel_geometry`. Received: {operation!r}"
        )
    if type(operation).__module__.startswith("keras."):
        return (
            f"{start}. Put what it does into the `call` of a layer class of your own, "
            "and register that class with `@kernel_geometry.register(YourLayer)`: a "
            f"rule for {kind} would be applied to every {kind}. "
            f"Received: {operation!r}"
        )
    what = "is not registered"
    if isinstance(operation, keras.Model):
        what = "is a subclassed model, whose graph cannot be read"
    return (
        f"{start}: it {what}. "
        f"Register it with `@kernel_geometry.register({kind})` on a function "
        "(layer, size) that returns one window per axis, such as "
        "`[Window.sliding(n, kernel=3, stride=2, padding='same') for n in size]`; "
        "or, if it never looks at a neighbouring position, with "
        f"`kernel_geometry.register({kind}, element_wise)`. "
        "`probe_receptive_field` shows what it really reads. "
        f"Received: {operation!r}"
    )
