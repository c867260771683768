"""The public counts, each a sum over the calls of a model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import keras
from keras import layers

from companion import graph
from companion.complexity import keras_rules, operations
from companion.complexity.calls import calls, macs, opened, values
from companion.complexity.gradients import gradient_macs
from companion.complexity.rules import no_products, rule_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "LayerCost",
    "complexity_table",
    "count_activations",
    "count_macs",
    "count_operations",
    "count_params",
    "layer_costs",
    "memory_access_cost",
]


@dataclass(frozen=True)
class LayerCost:
    """One call of a layer or operation, and what it costs for one image.

    Args:
        name: name of the layer, ``block/conv`` inside a nested model.
        operation: the layer or operation; None for an input of the model.
        inputs: list of ``keras.KerasTensor``, the batch 1; empty for an input.
        outputs: list of ``keras.KerasTensor``.
        macs: multiply-adds.
    """

    name: str
    operation: object
    inputs: list
    outputs: list
    macs: int

    @property
    def values(self) -> int:
        """Number of values in its outputs."""
        return values(self.outputs)


def layer_costs(model, input_shape=None) -> list[LayerCost]:
    """Every call of a layer with its tensors and multiply-adds, the inputs first.

    Args:
        model: as for ``count_macs``.
        input_shape: as for ``count_macs``.

    Raises:
        ValueError, TypeError: as ``count_macs``.

    Example:

    >>> image = keras.Input((32, 32, 3), name="image")
    >>> model = keras.Model(image, layers.Conv2D(16, 3, name="conv")(image))
    >>> [(cost.name, cost.values, cost.macs) for cost in layer_costs(model)]
    [('image', 3072, 0), ('conv', 14400, 388800)]
    """
    inputs, rows = calls(model, input_shape)
    names = [f"input_{number}" for number, _ in enumerate(inputs, start=1)]
    if graph.has_graph(model):
        names = graph.inputs_of(graph.symbolic(model))
    return [
        LayerCost(name, None, [], [tensor], 0)
        for name, tensor in zip(names, inputs, strict=True)
    ] + [
        LayerCost(row.call.name, row.call.operation, row.inputs, row.outputs, macs(row))
        for row in rows
    ]


def count_params(model, *, frozen=False) -> int:
    """Trainable parameters, as papers count them: weights, biases, gamma and beta.

    The moving averages of batch normalization are not trained and not counted;
    ``complexity_table`` lists them as ``non_trainable``. A layer that is called twice
    counts once. All numbers in all weights together are Keras' own
    ``model.count_params()``.

    Args:
        model: any built Keras model or layer.
        frozen: whether to count the weights of frozen layers as if they were trained:
            the size of the network then does not depend on what is trained.

    Raises:
        TypeError: if it is no Keras model or layer.
        ValueError: if the model has no weights yet.

    Example:

    >>> image = keras.Input((32, 32, 3))
    >>> model = keras.Model(image, layers.Conv2D(16, 3)(image))
    >>> count_params(model)
    448
    >>> model.trainable = False
    >>> count_params(model), count_params(model, frozen=True)
    (0, 448)
    """
    if not isinstance(model, keras.Layer):
        raise TypeError(
            f"`model` must be a Keras model or layer. Received: model={model!r}"
        )
    if not model.built:
        raise ValueError(
            "The model has no weights before it knows its input shape. "
            f"Received: model={model.name!r}"
        )
    weights = trained_when_thawed(model) if frozen else model.trainable_weights
    return sum(math.prod(weight.shape) for weight in weights)


def trained_when_thawed(model):
    """What would be trained if no layer were frozen.

    Keras' public lists forget it when `trainable` is set to False; each layer keeps
    its own list of what it made to be trained.
    """
    found = {}
    for layer in model._flatten_layers():
        found.update({id(w): w for w in layer._trainable_variables})
    return found.values()


def count_macs(model, input_shape=None, *, backward=False) -> int:
    """Multiply-adds for one image.

    One multiplication and the addition of its product count as one. A layer that is
    called twice counts twice. Counted are convolutions, dense and recurrent layers and
    products of two activations; a product and a sum that are written as two operations,
    ``ops.sum(a * b)``, count as element-wise work: nothing.

    Args:
        model: a functional or sequential model; nested models are entered. A
            subclassed model must have been called once, and its `call` made of Keras'
            layers and operations.
        input_shape: shape of one image without the batch, needed if the model takes
            any size or is subclassed, otherwise another size to measure at. A list of
            shapes for a model of several inputs.
        backward: count the backward pass instead. Every product has two gradients,
            each of as many multiply-adds as itself: that of its weights, if they are
            trained, and that of its input, if anything before it is. A step of
            training takes both passes, at most three times the forward pass.

    Raises:
        ValueError: if a size stays unknown, with the rule, or a layer was built for
            another input.
        TypeError: if a layer or operation is neither known nor can be followed, with
            its name.

    Example: 9 * 3 * 16 products at each of 30 x 30 positions. The backward pass needs
    the gradient of the kernel, and none of the image.

    >>> image = keras.Input((None, None, 3))
    >>> model = keras.Model(image, layers.Conv2D(16, 3)(image))
    >>> count_macs(model, (32, 32, 3)), count_macs(model, (32, 32, 3), backward=True)
    (388800, 388800)
    """
    _, rows = calls(model, input_shape)
    return gradient_macs(rows) if backward else sum(map(macs, rows))


def count_operations(model, input_shape=None) -> int:
    """Floating-point operations of the forward pass for one image, at inference.

    Many papers print a number by this name, and by as many conventions. Here:

    - 2 for a multiply-add;
    - 1 for each value that a bias is added to, or that an activation or another
      function of single values returns, whatever the function; a sum of n tensors
      takes n - 1 for each value;
    - for each value of a pooling or mean, as many as its window has values;
    - 2 for each value of a batch normalization, whose scale and shift are known;
      7 of a layer or group normalization, which computes them;
    - 8 for each value of a bilinear interpolation; nothing where values only move.

    Args:
        model: as for ``count_macs``.
        input_shape: as for ``count_macs``.

    Raises:
        ValueError, TypeError: as ``count_macs``; TypeError also for a layer whose
            element-wise work is not known, such as a sort.

    Example: 2 * 388,800 for the products, 14,400 for the bias and as many for the ReLU.

    >>> image = keras.Input((32, 32, 3))
    >>> x = layers.Conv2D(16, 3, activation="relu")(image)
    >>> count_operations(keras.Model(image, x))
    806400
    """
    _, rows = calls(model, input_shape)
    return sum(map(operations_of, rows))


def operations_of(row):
    """Floating-point operations of one call, all its ``times`` together."""
    return row.times * operations_of_one(row)


def operations_of_one(row):
    operation = row.call.operation
    if not isinstance(operation, keras.Layer):
        products = operations.macs(row)
        return 2 * products or elementwise(operations.elementwise_of(operation), row)
    rule = rule_of(operation)
    if rule is no_products and keras_rules.elementwise_of(operation):
        return elementwise(keras_rules.elementwise_of(operation), row)
    of_keras = rule is not None and rule.__module__ == keras_rules.__name__
    if of_keras and hasattr(operation, "activation"):
        return with_bias(row)
    try:
        _, inner = opened(row)
        return sum(map(operations_of, inner))
    except TypeError:
        if rule is None or of_keras:
            raise
        return with_bias(row)


def elementwise(function, row):
    shapes = ([x.shape for x in tensors] for tensors in (row.inputs, row.outputs))
    count = function and function(row.call.operation, *shapes)
    if count is None:
        kind = type(row.call.operation).__name__
        raise TypeError(
            f"The operations of {kind} depend on how it is computed, and are not "
            f"counted. Received: {row.call.name!r}"
        )
    return count


def with_bias(row):
    """Products, bias and activation of a layer that has no others."""
    layer = row.call.operation
    shapes = [x.shape for x in row.outputs]
    bias = getattr(layer, "bias", None) is not None
    return (
        2 * macs(row) // row.times
        + bias * values(row.outputs)
        + keras_rules.activation_operations(layer, shapes)
    )


def count_activations(model, input_shape=None) -> int:
    """Output values of all convolutions and dense layers: the neurons of a paper.

    On accelerators this follows the running time better than multiply-adds do. Every
    other layer with multiply-adds counts as well.

    Args:
        model: as for ``count_macs``.
        input_shape: as for ``count_macs``.

    Raises:
        ValueError, TypeError: as ``count_macs``.

    Example:

    >>> image = keras.Input((32, 32, 3))
    >>> count_activations(keras.Model(image, layers.Conv2D(16, 3)(image)))
    14400

    Reference: Radosavovic et al., *Designing Network Design Spaces*, CVPR 2020,
    Section 3.3 (there for convolutions only).
    """
    return sum(cost.values for cost in layer_costs(model, input_shape) if cost.macs)


READERS = "products", "fused", "all"


def memory_access_cost(model, input_shape=None, *, of="products") -> int:
    """Values read and written by all convolutions and dense layers, or by all layers.

    Each layer reads its input and its kernel and writes its output once. For a
    convolution of stride 1 that keeps the size this is ShuffleNetV2's

        MAC = h w (c_in + c_out) + k^2 c_in c_out / g

    in number of values, biases left out. A separable convolution counts as the two
    convolutions that it is; a larger block in one layer, such as ``SelectiveKernel``,
    as if it kept its intermediate maps to itself. Not to be mixed up with
    multiply-adds.

    Args:
        model: as for ``count_macs``.
        input_shape: as for ``count_macs``.
        of: which layers read and write:

            - ``"products"``: those with multiply-adds, as the formula says;
            - ``"fused"``: all, as an inference engine runs them. It computes
              normalizations and functions of single values in the layer before, pads
              in the layer behind, and looks at a map in another shape without moving
              it: these cost nothing. Sums, concatenations, splits, shuffles and
              pooling do;
            - ``"all"``: all but those that only look at a map in another shape; each
              reads all its weights too, biases and normalizations included.

    Raises:
        ValueError, TypeError: as ``count_macs``.

    Example: 28 * 28 * (64 + 64) + 64 * 64, and then 64 biases and a ReLU, which reads
    and writes 28 * 28 * 64 values.

    >>> image = keras.Input((28, 28, 64))
    >>> x = layers.ReLU()(layers.Conv2D(64, 1)(image))
    >>> memory_access_cost(keras.Model(image, x))
    104448
    >>> memory_access_cost(keras.Model(image, x), of="all")
    204864

    Reference: Ma et al., *ShuffleNet V2*, ECCV 2018, Section 2, guidelines G1 and G2.
    """
    if of not in READERS:
        raise ValueError(f"`of` must be one of {READERS}. Received: of={of!r}")
    _, rows = calls(model, input_shape)
    return sum(
        accesses(row, all_weights=of == "all")
        for row in rows
        if macs(row) or (of != "products" and moves(row, in_place=of == "fused"))
    )


VIEWS = """
ActivityRegularization AlphaDropout Dropout Flatten GaussianDropout GaussianNoise
Identity Reshape SpatialDropout1D SpatialDropout2D SpatialDropout3D
ExpandDims Ravel Squeeze StopGradient View
"""
IN_PLACE = """
Activation BatchNorm BatchNormalization ELU LeakyReLU Normalization PReLU ReLU Rescaling
Softmax ZeroPadding1D ZeroPadding2D ZeroPadding3D
Cast Celu Clip Elu Exp Gelu HardSigmoid HardSilu HardTanh LeakyRelu LogSigmoid
LogSoftmax Negative Relu Relu6 Rsqrt Selu Sigmoid Silu Softplus Softsign Sqrt Square
Tanh
"""


def moves(row, *, in_place):
    """Whether a layer without products reads and writes its maps itself."""
    kinds = {kind.__name__ for kind in type(row.call.operation).__mro__}
    free = VIEWS.split() + (IN_PLACE.split() if in_place else [])
    return bool(row.inputs) and not kinds.intersection(free)


def accesses(row, *, all_weights):
    """Values that a call reads and writes."""
    operation = row.call.operation
    cost = values(row.inputs) + values(row.outputs)
    cost += weight_values(operation, all_weights) + constant_values(row)
    if isinstance(operation, (layers.SeparableConv1D, layers.SeparableConv2D)):
        depthwise_channels = operation.pointwise_kernel.shape[-2]
        middle = keras_rules.places(operation, row.outputs[0].shape)
        cost += 2 * middle * depthwise_channels
    return row.times * cost


def weight_values(layer, all_weights):
    """Number of values in the weights of a layer; its vectors are no kernels."""
    layer = layer.layer if isinstance(layer, layers.Wrapper) else layer
    shapes = [weight.shape for weight in getattr(layer, "weights", [])]
    return sum(math.prod(shape) for shape in shapes if all_weights or len(shape) > 1)


def constant_values(row):
    """Number of values in the constants that an operation reads."""
    if isinstance(row.call.operation, keras.Layer):
        return 0
    args, kwargs = row.arguments
    constants = [
        x
        for x in keras.tree.flatten((args, kwargs))
        if hasattr(x, "shape") and not isinstance(x, keras.KerasTensor)
    ]
    return sum(math.prod(x.shape) for x in constants)


def complexity_table(model, input_shape=None) -> pd.DataFrame:
    """What every layer costs, and the whole network in the last row.

    Args:
        model: as for ``count_macs``.
        input_shape: as for ``count_macs``.

    Returns:
        A ``pandas.DataFrame`` with one row for each call of a layer, in the order of
        the graph, indexed by the name of the layer (``block/conv`` inside a nested
        model) and closed by the row ``total``:

        - ``type``: class of the layer;
        - ``output_shape``: of one image, height x width x channels;
        - ``params``, ``non_trainable``: numbers in its weights; shared weights count
          in the first row that uses them;
        - ``macs``: multiply-adds;
        - ``activations``: output values, of layers with multiply-adds only;
        - ``memory_MB``: its weights and its output as float32, in 10^6 bytes. The
          total is what training keeps for one image, before gradients and optimizer.

        The first two are text, ``memory_MB`` is float64, the others are int64.

    Raises:
        ValueError, TypeError: as ``count_macs``.

    Example:

    >>> image = keras.Input((32, 32, 3), name="image")
    >>> x = layers.Conv2D(16, 3, name="conv")(image)
    >>> x = layers.GlobalAveragePooling2D(name="pool")(x)
    >>> model = keras.Model(image, layers.Dense(10, name="classes")(x))
    >>> complexity_table(model)[["output_shape", "params", "macs"]]
            output_shape  params    macs
    image        32x32x3       0       0
    conv        30x30x16     448  388800
    pool              16       0       0
    classes           10     170     160
    total                    618  388960
    """
    import pandas as pd

    rows, counted = [], set()
    for cost in layer_costs(model, input_shape):
        weights = getattr(cost.operation, "weights", [])
        weights = [weight for weight in weights if id(weight) not in counted]
        counted.update(map(id, weights))
        params = sum(math.prod(w.shape) for w in weights if w.trainable)
        non_trainable = sum(math.prod(w.shape) for w in weights if not w.trainable)
        rows.append(
            {
                "layer": cost.name,
                "type": kind_text(cost.operation),
                "output_shape": ", ".join(map(shape_text, cost.outputs)),
                "params": params,
                "non_trainable": non_trainable,
                "macs": cost.macs,
                "activations": cost.values if cost.macs else 0,
                "memory_MB": 4e-6 * (params + non_trainable + cost.values),
            }
        )
    texts = {"layer": "total", "type": "", "output_shape": ""}
    numbers = [column for column in rows[0] if column not in texts]
    total = {column: sum(row[column] for row in rows) for column in numbers}
    table = pd.DataFrame([*rows, texts | total])
    return table.set_index("layer").rename_axis(None)


def kind_text(operation):
    return "InputLayer" if operation is None else type(operation).__name__


def shape_text(tensor):
    return "x".join(map(str, tensor.shape[1:]))
