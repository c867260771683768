"""Folding: at inference a batch normalization becomes part of the layer beside it.

With its moving averages a normalization is one multiplication and one addition for each
channel. A convolution before it can do both: its filters are multiplied, its bias is
moved. A layer after it can too, if it pads with no zeros, since a zero of the padding
was never normalized.

>>> import keras
>>> image = keras.Input((8, 8, 3))
>>> x = keras.layers.Conv2D(4, 3, use_bias=False, name="conv")(image)
>>> x = keras.layers.BatchNormalization(name="bn")(x)
>>> model = keras.Model(image, keras.layers.ReLU()(x))
>>> folding_plan(model)
{'bn': 'folded into conv'}
>>> [type(layer).__name__ for layer in fold_batch_norm(model).layers]
['InputLayer', 'Conv2D', 'ReLU']

Jacob et al. 2018, "Quantization and training of neural networks for efficient
integer-arithmetic-only inference" (arXiv 1712.05877), section 3.2.
"""

import collections
import dataclasses
import inspect

import keras
import numpy as np

from companion import graph
from companion.layers import (
    BatchNormalization,
    GroupedConv2D,
    NoisyBatchNormalization,
)

__all__ = ["fold_batch_norm", "folding_plan"]

L = keras.layers
NORMALIZATIONS = (L.BatchNormalization, BatchNormalization, NoisyBatchNormalization)


def fold_batch_norm(model):
    """A copy of a model for inference, without the normalizations that can be folded.

    Into the layer before it: a convolution of one, two or three dimensions, in groups
    or not, depthwise, separable or transposed, or a dense layer, that has no activation
    of its own. Into the layer after it: the same but for transposed ones, if they pad
    with no zeros. Both must be called once, and the tensor between them must go nowhere
    else. All other normalizations stay; `folding_plan` says why.

    The copy has weights of its own; the model is left as it is. Nested models are
    taken apart: the copy is one flat graph. Layers keep their names where they can.

    Args:
        model: functional or sequential model, channels last. Models with several
            inputs or outputs take and return lists of them.

    Returns:
        A functional `keras.Model` with the same outputs at inference, up to rounding.
        In training a layer that has swallowed its normalization learns without it.

    Raises:
        TypeError: if the model is subclassed, so that its graph cannot be read.
        ValueError: if a Sequential model does not know its input shape.

    Example: MobileNetV1 has 27 normalizations, and keeps none.

    >>> from companion.models import MobileNetV1
    >>> model = MobileNetV1(input_shape=(32, 32, 3), width=0.25)
    >>> folded = fold_batch_norm(model)
    >>> len(model.layers) - len(folded.layers)
    27

    Jacob et al. 2018, section 3.2.
    """
    graph_ = _Graph(model)
    graph_.fold()
    return graph_.rebuilt(model.name)


def folding_plan(model):
    """What `fold_batch_norm` does with each normalization of a model, in words.

    Args:
        model: as in `fold_batch_norm`.

    Returns:
        A dictionary from the name of each normalization that the graph shows to
        "folded into ..." or "kept: ...", with the reason.

    Raises:
        TypeError, ValueError: as in `fold_batch_norm`.

    Example:

    >>> import keras
    >>> image = keras.Input((8, 8, 3))
    >>> x = keras.layers.Conv2D(4, 3, activation="relu", name="conv")(image)
    >>> x = keras.layers.BatchNormalization(name="bn")(x)
    >>> plan = folding_plan(keras.Model(image, x))
    >>> for reason in plan["bn"].split("; "):
    ...     print(reason)
    kept: the activation relu of conv lies between them
    no convolution or dense layer alone stands after it

    Jacob et al. 2018, section 3.2.
    """
    graph_ = _Graph(model)
    graph_.fold()
    return graph_.plan


@dataclasses.dataclass
class _Node:
    """One call: the tokens of its tensors, and whether folding has removed it."""

    call: graph.Call
    inputs: list
    outputs: list
    removed: bool = False

    @property
    def layer(self):
        return self.call.operation


class _Refusal(Exception):
    """Why a normalization stays."""


class _Graph:
    """The calls of a model with numbered tensors, and its layers' new weights."""

    def __init__(self, model):
        self.source = graph.symbolic(model)
        self.nodes, self.count = [], 0
        self.ends = {}  # name of a nested model: number of nodes after its last call
        self.inputs = [self._token() for _ in self.source.inputs]
        self.outputs = graph.follow(model, self.inputs, self._record)
        self.calls = collections.Counter(id(node.layer) for node in self.nodes)
        self.weights = {}  # id of a layer: its kernels and its bias
        self.plan = {}

    def _token(self):
        self.count += 1
        return self.count

    def _record(self, call, inputs, results=None):
        if results is None:
            results = [self._token() for _ in call.outputs]
            self.nodes.append(_Node(call, list(inputs), results))
        else:
            self._pass_training_on(call)
        return results

    def _pass_training_on(self, outer):
        """The calls inside a nested model get the `training` of its own call."""
        training = outer.kwargs.get("training")
        for node in self.nodes[self.ends.get(outer.name, 0) :]:
            inside = node.call.name.startswith(f"{outer.name}/")
            if inside and training is not None and _may_be_told(node.call):
                kwargs = {**node.call.kwargs, "training": training}
                node.call = dataclasses.replace(node.call, kwargs=kwargs)
        self.ends[outer.name] = len(self.nodes)

    def uses(self, token):
        """How often a tensor is used, as an input of a call or an output."""
        inputs = [t for node in self.nodes if not node.removed for t in node.inputs]
        return inputs.count(token) + self.outputs.count(token)

    def fold(self):
        for node in self.nodes:
            if isinstance(node.layer, L.BatchNormalization):
                self.plan[node.call.name] = self._try(node)

    def _try(self, node):
        try:
            _check_normalization(node, self.calls)
        except _Refusal as refusal:
            return f"kept: {refusal}"
        reasons = []
        for attempt in (self._into_the_layer_before, self._into_the_layer_after):
            try:
                return f"folded into {attempt(node)}"
            except _Refusal as refusal:
                reasons.append(str(refusal))
        return f"kept: {'; '.join(dict.fromkeys(reasons))}"

    def _into_the_layer_before(self, node):
        (token,) = node.inputs
        made = [n for n in self.nodes if token in n.outputs and not n.removed]
        if not made or type(made[0].layer) not in RULES:
            raise _Refusal("no convolution or dense layer stands before it")
        before = made[0]
        self._check_neighbour(before, token)
        layer, rule = before.layer, RULES[type(before.layer)]
        if layer.activation is not keras.activations.linear:
            activation = getattr(layer.activation, "__name__", layer.activation)
            raise _Refusal(
                f"the activation {activation} of {before.call.name} lies between them"
            )
        factor, offset = _affine(node.layer)
        *kernels, bias = self.weights_of(layer)
        kernels[-1] = kernels[-1] * rule.by_output(kernels[-1], factor)
        self.weights[id(layer)] = [*kernels, bias * factor + offset]
        self._remove(node)
        return before.call.name

    def _into_the_layer_after(self, node):
        (token,) = node.outputs
        users = [n for n in self.nodes if token in n.inputs and not n.removed]
        if len(users) != 1 or type(users[0].layer) not in RULES:
            raise _Refusal("no convolution or dense layer alone stands after it")
        after = users[0]
        self._check_neighbour(after, token)
        layer, rule = after.layer, RULES[type(after.layer)]
        if rule.by_input is None:
            raise _Refusal(f"{after.call.name}, after it, is a transposed one")
        if not _pads_nothing(layer):
            raise _Refusal(
                f"{after.call.name}, after it, pads with zeros that were not normalized"
            )
        factor, offset = _affine(node.layer)
        *kernels, bias = self.weights_of(layer)
        kernels, added = rule.by_input(kernels, factor, offset, layer)
        self.weights[id(layer)] = [*kernels, bias + added]
        self._remove(node)
        return after.call.name

    def _check_neighbour(self, node, token):
        """The layer and the tensor between belong to the two alone."""
        name, layer = node.call.name, node.layer
        if self.calls[id(layer)] > 1:
            raise _Refusal(f"{name} is called {self.calls[id(layer)]} times")
        if self.uses(token) > 1:
            raise _Refusal(f"the tensor between {name} and it goes elsewhere too")
        if getattr(layer, "data_format", None) == "channels_first":
            raise _Refusal(f"the channels of {name} come first")
        changed = getattr(layer, "lora_enabled", False)
        if changed or getattr(layer, "quantization_mode", None):
            raise _Refusal(f"the weights of {name} are quantized or adapted")

    def weights_of(self, layer):
        """Kernels and bias so far, as float64."""
        if id(layer) not in self.weights:
            kernels = [np.asarray(w, "float64") for w in layer.get_weights()]
            bias = kernels.pop() if layer.use_bias else np.zeros(_filters(layer))
            self.weights[id(layer)] = [*kernels, bias]
        return self.weights[id(layer)]

    def _remove(self, node):
        """Whoever used its output uses its input."""
        node.removed = True
        (old,), (new,) = node.outputs, node.inputs
        for other in self.nodes:
            other.inputs = [new if t == old else t for t in other.inputs]
        self.outputs = [new if t == old else t for t in self.outputs]

    def rebuilt(self, name):
        """A new model of the calls that are left."""
        copies = _Copies(self.weights)
        names = graph.inputs_of(self.source)
        tensors = {
            token: keras.Input(
                batch_shape=tensor.shape, dtype=tensor.dtype, name=copies.unique(each)
            )
            for token, tensor, each in zip(
                self.inputs, self.source.inputs, names, strict=True
            )
        }
        inputs = [tensors[token] for token in self.inputs]
        for node in self.nodes:
            if node.removed:
                continue
            args, kwargs = node.call.arguments([tensors[t] for t in node.inputs])
            results = copies.of(node.layer)(*args, **kwargs)
            flat = keras.tree.flatten(results)
            tensors.update(zip(node.outputs, flat, strict=True))
        copies.fill()
        outputs = [tensors[token] for token in self.outputs]
        single = len(inputs) == 1, len(outputs) == 1
        return keras.Model(
            inputs[0] if single[0] else inputs,
            outputs[0] if single[1] else outputs,
            name=name,
        )


class _Copies:
    """One copy of each layer, however often it is called."""

    def __init__(self, weights):
        self.weights, self.made, self.names = weights, {}, set()

    def unique(self, name):
        new, number = name.replace("/", "_"), 1
        while new in self.names:
            new, number = f"{name.replace('/', '_')}_{number}", number + 1
        self.names.add(new)
        return new

    def of(self, operation):
        if not isinstance(operation, L.Layer):
            return operation  # a function of `keras.ops`
        if id(operation) not in self.made:
            config = operation.get_config()
            config["name"] = self.unique(operation.name)
            if id(operation) in self.weights:
                config["use_bias"] = True
            copy = type(operation).from_config(config)
            self.made[id(operation)] = operation, copy
        return self.made[id(operation)][1]

    def fill(self):
        for key, (layer, copy) in self.made.items():
            copy.set_weights(self.weights.get(key) or layer.get_weights())
            if hasattr(copy, "finalize_state"):  # of `Normalization`: its constants
                copy.finalize_state()


def _may_be_told(call):
    """Whether a call is of a layer, and names no mode of its own.

    Keras takes `training` for any layer: one without modes may hold others with two.
    """
    if not isinstance(call.operation, L.Layer):
        return False
    named = inspect.signature(call.operation.call).bind_partial(*call.args).arguments
    return call.kwargs.get("training", named.get("training")) is None


def _check_normalization(node, calls):
    """Whether the call is one multiplication and one addition for each channel."""
    layer, call = node.layer, node.call
    if type(layer) not in NORMALIZATIONS:
        raise _Refusal(f"{type(layer).__name__} may compute something else")
    if calls[id(layer)] > 1:
        raise _Refusal(f"it is called {calls[id(layer)]} times")
    bound = inspect.signature(layer.call).bind(*call.args, **call.kwargs).arguments
    if bound.get("training") and layer.trainable:
        raise _Refusal("it is called with training=True: each batch has its own")
    if bound.get("mask") is not None:
        raise _Refusal("it is called with a mask")
    rank = len(call.inputs[0].shape)
    if layer.axis not in (-1, rank - 1):
        raise _Refusal(f"it normalizes axis {layer.axis}, not the last")


def _affine(layer):
    """Factor and offset of a normalization at inference: y = factor * x + offset."""
    mean, variance = (
        np.asarray(keras.ops.convert_to_numpy(v), "float64")
        for v in (layer.moving_mean, layer.moving_variance)
    )
    factor = 1 / np.sqrt(variance + layer.epsilon)
    if layer.scale:
        factor = factor * keras.ops.convert_to_numpy(layer.gamma)
    beta = keras.ops.convert_to_numpy(layer.beta) if layer.center else 0
    return factor, beta - mean * factor


def _pads_nothing(layer):
    if not hasattr(layer, "padding"):
        return True  # a dense layer
    return layer.padding == "valid" or (
        layer.padding in ("same", "causal") and set(layer.kernel_size) == {1}
    )


def _filters(layer):
    """Output channels of a layer that a rule knows."""
    if hasattr(layer, "units"):
        return layer.units
    if type(layer) in (L.DepthwiseConv1D, L.DepthwiseConv2D):
        return layer.kernel.shape[-2] * layer.depth_multiplier
    return layer.filters


def _last_axis(kernel, factor):
    """(..., inputs, filters)"""
    return factor


def _last_but_one(kernel, factor):
    """Transposed: (..., filters, inputs)"""
    return factor[:, np.newaxis]


def _depthwise(kernel, factor):
    """(..., channels, multiplier); output c * multiplier + m."""
    return factor.reshape(kernel.shape[-2:])


def _ordinary_input(kernels, factor, offset, layer):
    """A filter sees the channels of its group: a part of factor and offset."""
    (kernel,) = kernels
    *_, part, filters = kernel.shape
    groups = len(factor) // part
    size = filters // groups
    first = np.arange(filters) // size * part
    seen = first + np.arange(part)[:, np.newaxis]  # (part, filters)
    taps = tuple(range(kernel.ndim - 2))
    added = (kernel.sum(taps) * offset[seen]).sum(0)
    return [kernel * factor[seen]], added


def _depthwise_input(kernels, factor, offset, layer):
    (kernel,) = kernels
    taps = tuple(range(kernel.ndim - 2))
    added = kernel.sum(taps) * offset[:, np.newaxis]
    return [kernel * factor[:, np.newaxis]], added.ravel()


def _separable_input(kernels, factor, offset, layer):
    depthwise, pointwise = kernels
    (depthwise,), added = _depthwise_input([depthwise], factor, offset, layer)
    columns = pointwise.reshape(pointwise.shape[-2:])  # (channels * m, filters)
    return [depthwise, pointwise], added @ columns


_Rule = collections.namedtuple("_Rule", "by_output by_input")
_ORDINARY = _Rule(_last_axis, _ordinary_input)
RULES = {
    **dict.fromkeys((L.Dense, L.Conv1D, L.Conv2D, L.Conv3D, GroupedConv2D), _ORDINARY),
    **dict.fromkeys(
        (L.Conv1DTranspose, L.Conv2DTranspose, L.Conv3DTranspose),
        _Rule(_last_but_one, None),
    ),
    **dict.fromkeys(
        (L.DepthwiseConv1D, L.DepthwiseConv2D), _Rule(_depthwise, _depthwise_input)
    ),
    **dict.fromkeys(
        (L.SeparableConv1D, L.SeparableConv2D), _Rule(_last_axis, _separable_input)
    ),
}
