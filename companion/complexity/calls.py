"""From a model to the calls that cost something.

A layer that has no rule is opened: its `call` is run once on symbolic tensors, and what
it calls is counted. So subclassed models, attention and recurrent cells need no rules.
"""

import inspect
import math
from dataclasses import dataclass, replace

import keras
from keras import layers

from companion import graph
from companion.arguments import integers
from companion.complexity import operations
from companion.complexity.keras_rules import layer_macs
from companion.complexity.rules import check_built, check_channels, refusal, rule_of


@dataclass(frozen=True)
class Costed:
    """A call with its tensors at a known size, of one image, made ``times`` times."""

    call: graph.Call
    inputs: list
    outputs: list
    times: int = 1

    @property
    def arguments(self):
        return self.call.arguments(self.inputs)


def calls(model, input_shape):
    """The calls of a model from inputs of known shape; models inside are entered.

    Returns:
        The inputs, and a list of `Costed`, in graph order.
    """
    if not is_subclassed(model):
        inputs = known_inputs(graph.symbolic(model), input_shape)
        return inputs, rows_of(model, inputs)
    if not model.built or input_shape is None:
        raise TypeError(
            f"{model.name!r} ({type(model).__name__}) is a subclassed model, without a "
            "graph that says its input: call it once on an image, and pass "
            "`input_shape`, without the batch. "
            f"Received: input_shape={input_shape}, built={model.built}"
        )
    several = any(isinstance(size, list | tuple) for size in input_shape)
    shapes = input_shape if several else [input_shape]
    check_shapes(shapes, input_shape)
    inputs = [keras.KerasTensor((1, *shape)) for shape in shapes]
    args = tuple(inputs)
    if len(inputs) > 1 and required_arguments(model.call) == 1:
        args = (inputs,)  # one list of images
    if rule_of(model) is not None:
        return inputs, one_call(model, args, "")
    call = graph.Call(model.name, model, tuple(inputs), (), args)
    return opened(Costed(call, inputs, []), prefix="")


def required_arguments(function):
    parameters = inspect.signature(function).parameters.values()
    return sum(
        parameter.default is parameter.empty
        and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        for parameter in parameters
    )


def is_subclassed(model):
    return (
        isinstance(model, keras.Model)
        and not graph.has_graph(model)
        and not isinstance(model, keras.Sequential)
    )


def known_inputs(model, input_shape):
    """One symbolic tensor of one image for each input, with all sizes known."""
    shapes = own_shapes = [tuple(tensor.shape[1:]) for tensor in model.inputs]
    if input_shape is not None:
        shapes = [input_shape] if len(own_shapes) == 1 else input_shape
    check_shapes(shapes, input_shape, own_shapes)
    return [
        keras.KerasTensor((1, *shape), dtype=tensor.dtype)
        for shape, tensor in zip(shapes, model.inputs, strict=True)
    ]


def check_shapes(shapes, input_shape, own_shapes=None):
    """Refuse what is not one shape, of known sizes, for each input."""
    model = "" if own_shapes is None else f" for a model of inputs {own_shapes}"
    lists = isinstance(shapes, list | tuple) and all(
        isinstance(shape, list | tuple) for shape in shapes
    )
    ranks = lists and list(map(len, shapes))
    if not lists or (own_shapes is not None and ranks != list(map(len, own_shapes))):
        raise ValueError(
            "`input_shape` must be the shape of one image without the batch, or a list "
            f"of one shape for each input. Received: input_shape={input_shape}{model}"
        )
    if any(size is None for shape in shapes for size in shape):
        raise ValueError(
            "The cost of a model depends on the size of its image: pass "
            "`input_shape=(height, width, channels)`, without the batch. "
            f"Received: input_shape={input_shape}{model}"
        )
    for shape in shapes:
        integers("input_shape", tuple(shape), count=len(shape))


def rows_of(model, inputs, prefix=""):
    """The calls in the graph of a model; one that has a rule counts as one layer."""
    rows = []

    def visit(call, specs, results=None):
        if results is None:
            results = outputs_of(call, specs)
            rows.append(Costed(call, specs, results))
        return results

    graph.follow(
        model,
        inputs,
        visit,
        as_one_layer=lambda inner: rule_of(inner) is not None,
        prefix=prefix,
    )
    return rows


def outputs_of(call, specs):
    """The tensors that a call returns, of known size."""
    outputs = call.output_specs(specs)
    unknown = any(None in x.shape for x in outputs)
    if unknown and isinstance(call.operation, keras.Layer):
        # EinsumDense only remembers the sizes it was built for
        outputs = symbolic_outputs(call.operation, *call.arguments(specs), call.name)
    if operations.name_of(call.operation) == "DotProductAttention":
        query, _, value, *_ = specs  # Keras forgets that values may be wider
        outputs = [keras.KerasTensor((*query.shape[:-1], value.shape[-1]), query.dtype)]
    for x in outputs:
        if None in x.shape:
            raise ValueError(
                "The cost of a call depends on the size of what it returns, which must "
                f"follow from its input. Received: {call.name!r} of output {x.shape}"
            )
    return outputs


def inside(row, prefix=None):
    """What one call of a layer calls itself.

    Returns:
        The tensors from which it starts, of which the first come from outside, and the
        list of `Costed`.

    Raises:
        TypeError: if its `call` cannot be run on symbolic tensors.
    """
    layer = row.call.operation
    prefix = f"{row.call.name}/" if prefix is None else prefix
    loop = loop_of(layer)
    if loop is not None:
        return loop(layer, row.inputs[0], prefix)
    fresh = {id(x): keras.Input(batch_shape=x.shape, dtype=x.dtype) for x in row.inputs}
    args, kwargs = row.call.arguments([fresh[id(x)] for x in row.inputs])
    outputs = symbolic_outputs(layer, args, kwargs, row.call.name)
    if not outputs:
        return row.inputs, []
    given = list({id(x): x for x in row.inputs}.values())
    function = keras.Function(list(fresh.values()), outputs)
    return row.inputs, rows_of(function, given, prefix)


def symbolic_outputs(layer, args, kwargs, name):
    """The symbolic tensors that `call` returns; no weight changes its value."""
    try:
        with keras.StatelessScope():
            outputs = layer.call(*args, **kwargs)
    except Exception as error:
        first, *_ = str(error).splitlines() or [type(error).__name__]
        why = f", and its `call` cannot be followed ({first})"
        raise TypeError(refusal(layer, name, why)) from error
    outputs = keras.tree.flatten(outputs)
    return [x for x in outputs if isinstance(x, keras.KerasTensor)]


def one_call(layer, args, prefix, times=1):
    """The call of a layer inside another, on tensors of known shape."""
    name, tensors = prefix + layer.name, keras.tree.flatten(args)
    if graph.has_graph(layer) and rule_of(layer) is None:
        rows = rows_of(layer, tensors, f"{name}/")
        return [replace(row, times=times * row.times) for row in rows]
    call = graph.Call(name, layer, tuple(tensors), (), args)
    return [Costed(call, tensors, outputs_of(call, tensors), times)]


# Layers of Keras that loop over time, which symbolic tensors cannot follow.


def step_of(sequence):
    return keras.KerasTensor((1, *sequence.shape[2:]), sequence.dtype)


def at_every_step(wrapper, sequence, prefix):
    step = step_of(sequence)
    times = sequence.shape[1]
    return [step], one_call(wrapper.layer, (step,), prefix, times)


def cell_at_every_step(layer, sequence, prefix):
    step, cell = step_of(sequence), layer.cell
    if isinstance(layer, CONVOLUTIONAL):  # two states, maps as large as the output
        shapes = [cell.compute_output_shape(step.shape)[0]] * 2
        states = [keras.KerasTensor(shape) for shape in shapes]
    else:
        states = keras.tree.map_structure(
            lambda state: keras.KerasTensor(state.shape),
            layer.get_initial_state(batch_size=1),
        )
    rows = one_call(cell, (step, states), prefix, sequence.shape[1])
    return [step, *keras.tree.flatten(states)], rows


def both_ways(layer, sequence, prefix):
    ways = layer.forward_layer, layer.backward_layer
    rows = [row for way in ways for row in one_call(way, (sequence,), prefix)]
    merges = {"sum": layers.Add, "mul": layers.Multiply, "ave": layers.Average}
    if layer.merge_mode in merges:
        merge = merges[layer.merge_mode](name="merge")
        rows += one_call(merge, ([row.outputs[0] for row in rows],), prefix)
    return [sequence], rows


def the_layer_inside(wrapper, tensor, prefix):
    return [tensor], one_call(wrapper.layer, (tensor,), prefix)


CONVOLUTIONAL = layers.ConvLSTM1D, layers.ConvLSTM2D, layers.ConvLSTM3D
LOOPS = {
    layers.Bidirectional: both_ways,
    layers.RNN: cell_at_every_step,
    layers.SpectralNormalization: the_layer_inside,  # at inference its kernel is ready
    layers.TimeDistributed: at_every_step,
}


def loop_of(layer):
    """The function that opens a layer which cannot be run symbolically, or None."""
    if not type(layer).call.__module__.startswith("keras.src."):
        return None
    return next((loop for kind, loop in LOOPS.items() if isinstance(layer, kind)), None)


def macs(row):
    """Multiply-adds of a call, all its ``times`` together."""
    operation = row.call.operation
    if not row.inputs:
        return 0
    if rule_of(operation) is not None:
        batch = row.inputs[0].shape[0]  # 1, or more where a layer folded into it
        one = layer_macs(operation, one_image(row.inputs), one_image(row.outputs))
        return row.times * batch * one
    if not isinstance(operation, keras.Layer):
        return row.times * operations.macs(row)
    _, rows = opened(row)
    return row.times * sum(map(macs, rows))


def opened(row, prefix=None):
    """``inside``, once the layer was found to be built for this input."""
    layer, first = row.call.operation, row.inputs[0]
    check_built(layer)
    if "float" in first.dtype:
        check_channels(layer, one_image(row.inputs))
    return inside(row, prefix)


def one_image(tensors):
    """The shape of a tensor, or a list of shapes; the batch is one."""
    shapes = [(1, *x.shape[1:]) for x in tensors]
    return shapes[0] if len(shapes) == 1 else shapes


def values(tensors):
    """Number of values in tensors."""
    return sum(math.prod(tensor.shape) for tensor in tensors)
