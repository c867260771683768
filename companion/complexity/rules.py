"""The register of costs: which rule counts the multiply-adds of a kind of layer."""

import functools
from numbers import Integral

__all__ = ["layer_macs", "rule_of"]


@functools.singledispatch
def _rules(layer, input_shape, output_shape):
    """Keeps the register; ``layer_macs`` looks rules up in it."""


def layer_macs(layer, input_shape, output_shape) -> int:
    """Multiply-adds of one call of one layer, for one image.

    New layers join by registering a rule of their own. A subclass inherits the rule of
    its parent only together with the `call` method. A layer without a rule is counted
    by ``count_macs`` all the same if its `call` is made of Keras' layers and
    operations: a rule is needed where it is not, or to say it faster.

    Args:
        layer: the built layer; its type chooses the rule.
        input_shape: shape of its input, batch first; a list of shapes if the layer is
            called on several tensors.
        output_shape: shape of its output, batch first, or a list of shapes.

    Returns:
        The number of multiply-adds.

    Raises:
        TypeError: if no rule is registered for the type of the layer.
        ValueError: if the layer is not built, or was built for other channels, or if
            the rule returns something else than a whole number.

    Example:

    >>> import keras
    >>> from companion.complexity import count_macs
    >>> class Twice(keras.layers.Dense):
    ...     def call(self, x):
    ...         return super().call(x) + super().call(-x)
    >>> @layer_macs.register(Twice)
    ... def _(layer, input_shape, output_shape):
    ...     return 2 * layer.kernel.shape[0] * layer.kernel.shape[1]
    >>> image = keras.Input((8,))
    >>> count_macs(keras.Model(image, Twice(3)(image)))
    48
    """
    if not hasattr(layer, "built"):
        raise TypeError(f"`layer` must be a Keras layer. Received: layer={layer!r}")
    rule = rule_of(layer)
    if rule is None:
        raise TypeError(refusal(layer, layer.name))
    if rule is not no_products:
        check_built(layer)
    for name, shape in ("input_shape", input_shape), ("output_shape", output_shape):
        if not is_shape(shape) and not (shape and all(map(is_shape, shape))):
            raise ValueError(
                f"`{name}` must be a shape, batch first, or a list of shapes. "
                f"Received: {name}={shape!r}"
            )
    check_channels(layer, input_shape)
    count = rule(layer, input_shape, output_shape)
    if not isinstance(count, Integral) or isinstance(count, bool) or count < 0:
        raise ValueError(
            f"The rule {rule.__qualname__!r} of `layer_macs` for "
            f"{type(layer).__name__} must return the multiply-adds, a whole number of "
            "at least 0. "
            f"Received: {count!r} for layer {layer.name!r}"
        )
    return int(count)


layer_macs.register = _rules.register
layer_macs.registry = _rules.registry
layer_macs.dispatch = _rules.dispatch


def no_products(layer, input_shape, output_shape):
    """The rule of a layer that multiplies nothing and adds it up."""
    return 0


def rule_of(layer):
    """The rule for the type of a layer, or None.

    A type that overrides `call` computes something else than its parent, whose rule
    it does not inherit.
    """
    kind = type(layer)
    for parent in kind.__mro__:
        if parent in _rules.registry and parent is not object:
            same = getattr(kind, "call", None) is getattr(parent, "call", None)
            return _rules.registry[parent] if same else None
    return None


def check_built(layer):
    if not layer.built:
        raise ValueError(
            "A layer has no weights before it knows its input: build it, or call it "
            f"once. Received: unbuilt layer {layer.name!r}"
        )


def check_channels(layer, input_shape):
    """Refuse an input of other channels than those the layer was built for."""
    fixed_axes = dict(getattr(layer.input_spec, "axes", None) or {})
    built_for = (layer.get_build_config() or {}).get("input_shape")
    if not fixed_axes and layer.weights and is_shape(built_for):
        fixed_axes = {axis: built_for[axis] for axis in channel_axes(layer)}
    if not is_shape(input_shape) or hasattr(layer, "embeddings"):
        return  # the last axis of an embedding's input are positions
    for axis, size in fixed_axes.items():
        if size is not None and input_shape[axis] not in (size, None):
            raise ValueError(
                f"{layer.name!r} was built for another input, so the model cannot take "
                "images of this shape. "
                f"Received: {tuple(input_shape)} at {layer.name!r}, where it fixes the "
                f"axes {fixed_axes}"
            )


def channel_axes(layer):
    """The axes that a layer with weights fixes, if it does not say so itself."""
    axes = getattr(layer, "axis", None)
    if axes is None:
        axes = 1 if getattr(layer, "data_format", None) == "channels_first" else -1
    return [axes] if isinstance(axes, int) else list(axes)


def is_shape(shape):
    """Whether it is one shape: not None, and no list or dictionary of shapes."""
    return isinstance(shape, tuple | list) and all(
        size is None or isinstance(size, Integral) for size in shape
    )


def refusal(operation, name, why=""):
    """What to tell a person whose layer or operation cannot be counted."""
    kind = type(operation).__name__
    if hasattr(operation, "weights") and not type(operation).__module__.startswith(
        "keras."
    ):  # a rule for Keras' Lambda would count every Lambda alike
        advice = f"Register one: @layer_macs.register({kind}) above"
    else:
        advice = (
            "Put it into the `call` of a layer class of its own, and register a rule "
            "for that class: @layer_macs.register(YourLayer) above"
        )
    return (
        f"No rule counts the multiply-adds of {kind}{why}. {advice} a function "
        f"(layer, input_shape, output_shape) -> int. Received: {name!r}"
    )
