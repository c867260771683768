"""What a network costs: parameters, multiply-adds, activations, memory.

"MAC" names two different things in the papers of this course:

- multiply-accumulate, the multiply-add ``s = s + w * x``: ``count_macs``. Many
  papers print this number as "FLOPs", others print twice as many.
- memory access cost, the values that a layer reads and writes: ShuffleNetV2 writes
  it MAC as well. Here it is spelled out: ``memory_access_cost``.

Counted as the course's reference numbers are: multiply-adds of convolutions,
transposed convolutions and dense layers, for one image, products with padding zeros
included. Bias, normalization, activation, pooling and element-wise work count
nothing, and neither do products of two activations: in ``NonLocal``, ``GlobalContext``
and other attention only the convolutions and dense layers count. For GC-ResNet-50
they make 4,094,785,536 multiply-adds; torch's own counter, which adds the weighted sums
over all positions, says 4,097,896,448.
"""

import functools
import math

import keras
import pandas as pd
from keras import layers

from companion.layers import (
    BatchNormalization,
    ChannelWiseConv,
    GlobalContext,
    GroupedConv2D,
    InterleavedGroupConv2D,
    NonLocal,
    RadialBasis,
    SelectiveKernel,
    SqueezeExcite,
    Subsampling2D,
    TableConv2D,
)

__all__ = [
    "complexity_table",
    "count_activations",
    "count_macs",
    "count_params",
    "layer_macs",
    "memory_access_cost",
]


@functools.singledispatch
def layer_macs(layer, input_shape, output_shape):
    """Multiply-adds of one call of one layer, for one image.

    New layers join by registering a rule of their own. A subclass inherits the rule of
    its parent only together with the `call` method: one that computes something else
    must register.

    Args:
        layer: the layer; its type chooses the rule.
        input_shape: shape of its input, batch first.
        output_shape: shape of its output, batch first.

    Returns:
        The number of multiply-adds.

    Raises:
        TypeError: if no rule is registered for the type of a layer with weights.

    Example:

    >>> class Twice(keras.layers.Dense):
    ...     def call(self, x):
    ...         return super().call(x) + super().call(-x)
    >>> @layer_macs.register(Twice)
    ... def _(layer, input_shape, output_shape):
    ...     return 2 * math.prod(layer.kernel.shape)
    >>> image = keras.Input((8,))
    >>> count_macs(keras.Model(image, Twice(3)(image)))
    48
    """
    from_applications = type(layer).__module__.startswith("keras.src.applications")
    if layer.weights and not from_applications:  # ConvNeXt's LayerScale: element-wise
        kind = type(layer).__name__
        raise TypeError(
            f"No rule counts the multiply-adds of {kind}. Register one: "
            f"@layer_macs.register({kind}) above a function "
            "(layer, input_shape, output_shape) -> int. "
            f"Received: layer={layer.name!r} with {len(layer.weights)} weights"
        )
    return 0


def positions(layer, shape):
    """Number of spatial positions in a tensor of this shape."""
    if layer.data_format == "channels_first":
        return math.prod(shape[2:])
    return math.prod(shape[1:-1])


@layer_macs.register(layers.Conv1D)
@layer_macs.register(layers.Conv2D)
@layer_macs.register(layers.Conv3D)
@layer_macs.register(layers.DepthwiseConv1D)
@layer_macs.register(layers.DepthwiseConv2D)
@layer_macs.register(GroupedConv2D)
@layer_macs.register(TableConv2D)
def _convolution(layer, input_shape, output_shape):
    """The whole kernel at every output position; a group's kernel is that smaller."""
    return math.prod(layer.kernel.shape) * positions(layer, output_shape)


@layer_macs.register(ChannelWiseConv)
def _channel_wise(layer, input_shape, output_shape):
    """Each kernel at its places along the channels, at every position."""
    places = output_shape[-1] // layer.groups
    return math.prod(layer.kernel.shape) * places * math.prod(output_shape[1:-1])


@layer_macs.register(InterleavedGroupConv2D)
def _interleaved(layer, input_shape, output_shape):
    """Two grouped convolutions; the permutations are free."""
    kernels = layer.primary.kernel, layer.secondary.kernel
    weights = sum(math.prod(kernel.shape) for kernel in kernels)
    return weights * math.prod(output_shape[1:-1])


@layer_macs.register(layers.Conv1DTranspose)
@layer_macs.register(layers.Conv2DTranspose)
@layer_macs.register(layers.Conv3DTranspose)
def _transposed_convolution(layer, input_shape, output_shape):
    """The whole kernel at every input position, cropped or not."""
    return math.prod(layer.kernel.shape) * positions(layer, input_shape)


@layer_macs.register(layers.SeparableConv1D)
@layer_macs.register(layers.SeparableConv2D)
def _separable_convolution(layer, input_shape, output_shape):
    kernels = layer.depthwise_kernel.shape, layer.pointwise_kernel.shape
    return sum(map(math.prod, kernels)) * positions(layer, output_shape)


@layer_macs.register(layers.Dense)
def _dense(layer, input_shape, output_shape):
    """Dense layers work on the last axis, once for every other index."""
    return math.prod(layer.kernel.shape) * math.prod(output_shape[1:-1])


@layer_macs.register(RadialBasis)
def _radial_basis(layer, input_shape, output_shape):
    """A squared difference and its addition for every number of every code."""
    return math.prod(layer.weights[0].shape)


@layer_macs.register(SqueezeExcite)
def _squeeze_excite(layer, input_shape, output_shape):
    """Two dense layers, once for the whole map; the scaling is element-wise."""
    return math.prod(layer.reduce.kernel.shape) + math.prod(layer.expand.kernel.shape)


@layer_macs.register(GlobalContext)
def _global_context(layer, input_shape, output_shape):
    """A 1x1 convolution to one map; two dense layers, once for the whole map."""
    mask = math.prod(layer.mask.kernel.shape) * math.prod(input_shape[1:-1])
    once = layer.reduce.kernel, layer.expand.kernel
    return mask + sum(math.prod(kernel.shape) for kernel in once)


@layer_macs.register(NonLocal)
def _non_local(layer, input_shape, output_shape):
    """Four 1x1 convolutions; the products of two activations count nothing."""
    kernels = [p.kernel for p in (layer.theta, layer.phi, layer.g, layer.expand)]
    weights = sum(math.prod(kernel.shape) for kernel in kernels)
    return weights * math.prod(input_shape[1:-1])


@layer_macs.register(SelectiveKernel)
def _selective_kernel(layer, input_shape, output_shape):
    """Two convolutions; two dense layers, once for the whole map."""
    everywhere = layer.small.kernel, layer.large.kernel
    once = layer.reduce.kernel, layer.expand.kernel
    convolutions = sum(math.prod(kernel.shape) for kernel in everywhere)
    choice = sum(math.prod(kernel.shape) for kernel in once)
    return convolutions * math.prod(output_shape[1:-1]) + choice


@layer_macs.register(layers.BatchNormalization)
@layer_macs.register(BatchNormalization)
@layer_macs.register(layers.GroupNormalization)
@layer_macs.register(layers.LayerNormalization)
@layer_macs.register(layers.Normalization)
@layer_macs.register(layers.PReLU)
@layer_macs.register(layers.RMSNormalization)
@layer_macs.register(layers.Embedding)
@layer_macs.register(Subsampling2D)
def _no_product_sum(layer, input_shape, output_shape):
    return 0


@layer_macs.register(layers.SpectralNormalization)
def _wrapped(layer, input_shape, output_shape):
    """At inference the layer inside, with the kernel that training normalized."""
    return macs_of_layer(layer.layer, input_shape, output_shape)


@layer_macs.register(layers.TimeDistributed)
def _at_every_step(layer, input_shape, output_shape):
    batch, steps, *inside = input_shape
    return steps * macs_of_layer(layer.layer, (batch, *inside), output_shape[1:])


def macs_of_layer(layer, input_shape, output_shape):
    """What the rule for this type of layer says, if the layer obeys it."""
    kind = type(layer)
    parent = next(kind for kind in kind.__mro__ if kind in layer_macs.registry)
    if parent is not object and kind.call is not parent.call:
        parent = object
    fixed_axes = getattr(layer.input_spec, "axes", None) or {}
    if any(input_shape[axis] != size for axis, size in fixed_axes.items()):
        raise ValueError(
            f"{layer.name!r} was built for another input, so the model cannot take "
            f"images of this shape. Received: {tuple(input_shape)} at {layer.name!r}, "
            f"where it fixes the axes {dict(fixed_axes)}"
        )
    return layer_macs.registry[parent](layer, input_shape, output_shape)


def functional(model):
    """The graph of a functional or sequential model.

    Raises:
        TypeError: if the model is subclassed: it has no graph to read.
        ValueError: if a sequential model was not built.
    """
    if isinstance(model, keras.Sequential):
        if not model.built:
            raise ValueError(
                "A sequential model needs its input shape before it can be measured: "
                "start it with keras.Input(shape), or call model.build(shape). "
                f"Received: model={model.name!r}"
            )
        return keras.Model(model.inputs, model.outputs)
    if not hasattr(model, "_nodes_by_depth"):
        raise TypeError(
            "Only functional and sequential models have a graph that can be read. "
            f"Received: model={model!r}"
        )
    return model


def calls(model, inputs, prefix=""):
    """Yield ``(name, operation, input tensors, output tensors)`` in graph order.

    Shapes are passed from operation to operation anew, so that a model of unknown
    sizes can be measured at a known one. Nested models are entered.
    """
    graph = functional(model)
    tensors = dict(zip(map(id, graph.inputs), inputs, strict=True))
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            operation = node.operation
            name = prefix + operation.name
            if node.is_input:
                if not prefix:
                    outputs = [tensors[id(tensor)] for tensor in node.outputs]
                    yield name, operation, [], outputs
                continue
            ins = [tensors[id(tensor)] for tensor in node.input_tensors]
            registered = type(operation) in layer_macs.registry
            if isinstance(operation, keras.Model) and not registered:
                outputs = yield from calls(operation, ins, f"{name}/")
            else:
                args, kwargs = node.arguments.fill_in(tensors)
                outputs = keras.tree.flatten(
                    operation.compute_output_spec(*args, **kwargs)
                )
                yield name, operation, ins, outputs
            tensors.update(zip(map(id, node.outputs), outputs, strict=True))
    return [tensors[id(tensor)] for tensor in graph.outputs]


def measured_calls(model, input_shape):
    """``calls`` from inputs of known shape, checked."""
    shapes = own_shapes = [tensor.shape[1:] for tensor in functional(model).inputs]
    if input_shape is not None:
        shapes = [input_shape] if len(shapes) == 1 else input_shape
    if not same_ranks(shapes, own_shapes):
        raise ValueError(
            "`input_shape` must be the shape of one image without the batch, or a list "
            "of one shape for each input. "
            f"Received: input_shape={input_shape} for a model of inputs {own_shapes}"
        )
    if any(size is None for shape in shapes for size in shape):
        raise ValueError(
            "The cost of a model depends on the size of its image: pass "
            "`input_shape=(height, width, channels)`, without the batch. "
            f"Received: input_shape={input_shape} for a model of inputs {own_shapes}"
        )
    inputs = [
        keras.KerasTensor((1, *shape), dtype=tensor.dtype)
        for shape, tensor in zip(shapes, functional(model).inputs, strict=True)
    ]
    return calls(model, inputs)


def same_ranks(shapes, others):
    lists = isinstance(shapes, list | tuple) and all(
        isinstance(shape, list | tuple) for shape in shapes
    )
    return lists and list(map(len, shapes)) == list(map(len, others))


def values(tensors):
    """Number of values in the tensors of one image."""
    return sum(math.prod(tensor.shape[1:]) for tensor in tensors)


def macs_of_call(operation, inputs, outputs):
    """Multiply-adds of one operation of the graph; only layers have any."""
    if not isinstance(operation, keras.Layer) or not inputs:
        return 0
    return macs_of_layer(operation, inputs[0].shape, outputs[0].shape)


def count_params(model):
    """Trainable parameters, as papers count them: weights, biases, gamma and beta.

    The moving averages of batch normalization are not trained and not counted;
    ``complexity_table`` lists them as ``non_trainable``. A frozen layer is not
    trained either. A layer that is called twice counts once.

    Args:
        model: any built Keras model or layer.

    Raises:
        ValueError: if the model has no weights yet.

    Example:

    >>> image = keras.Input((32, 32, 3))
    >>> count_params(keras.Model(image, layers.Conv2D(16, 3)(image)))
    448
    """
    if not model.built:
        raise ValueError(
            "The model has no weights before it knows its input shape. "
            f"Received: model={model.name!r}"
        )
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def count_macs(model, input_shape=None):
    """Multiply-adds for one image.

    One multiplication and the addition of its product count as one. A layer that is
    called twice counts twice.

    Args:
        model: a functional or sequential model; nested models are entered.
        input_shape: shape of one image without the batch, needed if the model takes
            any size, otherwise another size to measure at. A list of shapes for a
            model of several inputs.

    Raises:
        ValueError: if a size stays unknown, with the rule.
        TypeError: if a layer with weights has no rule in ``layer_macs``, or if the
            model is subclassed and has no graph.

    Example: 9 * 3 * 16 products at each of 30 x 30 positions.

    >>> image = keras.Input((None, None, 3))
    >>> count_macs(keras.Model(image, layers.Conv2D(16, 3)(image)), (32, 32, 3))
    388800
    """
    return sum(
        macs_of_call(operation, inputs, outputs)
        for _, operation, inputs, outputs in measured_calls(model, input_shape)
    )


def count_activations(model, input_shape=None):
    """Output values of all convolutions and dense layers: the neurons of a paper.

    On accelerators this follows the running time better than multiply-adds do.

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
    return sum(
        values(outputs)
        for _, operation, inputs, outputs in measured_calls(model, input_shape)
        if macs_of_call(operation, inputs, outputs)
    )


def memory_access_cost(model, input_shape=None):
    """Values read and written by all convolutions and dense layers.

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

    Raises:
        ValueError, TypeError: as ``count_macs``.

    Example: 28 * 28 * (64 + 64) + 64 * 64.

    >>> image = keras.Input((28, 28, 64))
    >>> memory_access_cost(keras.Model(image, layers.Conv2D(64, 1)(image)))
    104448

    Reference: Ma et al., *ShuffleNet V2*, ECCV 2018, Section 2, guidelines G1 and G2.
    """
    cost = 0
    for _, operation, inputs, outputs in measured_calls(model, input_shape):
        if macs_of_call(operation, inputs, outputs):
            cost += values(inputs) + kernel_values(operation) + values(outputs)
            if isinstance(operation, (layers.SeparableConv1D, layers.SeparableConv2D)):
                depthwise_channels = operation.pointwise_kernel.shape[-2]
                middle = positions(operation, outputs[0].shape) * depthwise_channels
                cost += 2 * middle
    return cost


def kernel_values(layer):
    """Number of values in the kernels of a layer; its vectors are no kernels."""
    layer = layer.layer if isinstance(layer, layers.Wrapper) else layer
    shapes = [weight.shape for weight in layer.weights]
    return sum(math.prod(shape) for shape in shapes if len(shape) > 1)


def complexity_table(model, input_shape=None):
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
        - ``activations``: output values, of convolutions and dense layers only;
        - ``memory_MB``: its weights and its output as float32, in 10^6 bytes. The
          total is what training keeps for one image, before gradients and optimizer.

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
    rows, counted = [], set()
    for name, operation, inputs, outputs in measured_calls(model, input_shape):
        weights = [w for w in getattr(operation, "weights", []) if id(w) not in counted]
        counted.update(map(id, weights))
        params = sum(math.prod(w.shape) for w in weights if w.trainable)
        non_trainable = sum(math.prod(w.shape) for w in weights if not w.trainable)
        macs = macs_of_call(operation, inputs, outputs)
        rows.append(
            {
                "layer": name,
                "type": type(operation).__name__,
                "output_shape": ", ".join(map(shape_text, outputs)),
                "params": params,
                "non_trainable": non_trainable,
                "macs": macs,
                "activations": values(outputs) if macs else 0,
                "memory_MB": 4e-6 * (params + non_trainable + values(outputs)),
            }
        )
    texts = {"layer": "total", "type": "", "output_shape": ""}
    numbers = [column for column in rows[0] if column not in texts]
    total = {column: sum(row[column] for row in rows) for column in numbers}
    table = pd.DataFrame([*rows, texts | total])
    return table.set_index("layer").rename_axis(None)


def shape_text(tensor):
    return "x".join(map(str, tensor.shape[1:]))
