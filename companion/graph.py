"""The graph of a Keras model: its calls, and how values pass from call to call.

The only file that reads Keras' private graph. A graph is made of calls: of layers, of
nested models, and of `keras.ops` functions on symbolic tensors. A layer that is called
twice makes two calls.
"""

import dataclasses

import keras

__all__ = ["Call", "follow", "has_graph", "inputs_of", "made_by", "shapes", "symbolic"]


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of a layer, or of a `keras.ops` function, inside a model.

    Args:
        name: name of the layer or operation; ``"outer/inner"`` inside a nested model.
        operation: the layer, nested model or operation that is called.
        inputs: the symbolic tensors among its arguments, flat.
        outputs: the symbolic tensors that it returns, flat.
        args: its positional arguments, as they were passed.
        kwargs: its keyword arguments, as they were passed.
    """

    name: str
    operation: object
    inputs: tuple
    outputs: tuple
    args: tuple = ()
    kwargs: dict = dataclasses.field(default_factory=dict)

    def arguments(self, values):
        """(args, kwargs) of the call, with `values` in place of its `inputs`.

        Args:
            values: one value for each of `inputs`, in the same order.
        """
        known = {id(x): value for x, value in zip(self.inputs, values, strict=True)}
        return keras.tree.map_structure(
            lambda x: known[id(x)] if isinstance(x, keras.KerasTensor) else x,
            (self.args, self.kwargs),
        )

    def output_specs(self, specs):
        """The outputs as `keras.KerasTensor`s, for inputs of other shapes.

        Args:
            specs: one `keras.KerasTensor` for each of `inputs`.
        """
        args, kwargs = self.arguments(specs)
        outputs = self.operation.compute_output_spec(*args, **kwargs)
        return keras.tree.flatten(outputs)


def has_graph(operation):
    """Whether a layer is a functional or sequential model, whose graph can be read.

    A subclass with a `call` of its own may compute something else than its graph says.
    """
    model = isinstance(operation, (keras.Model, keras.Function))
    return (
        model
        and hasattr(operation, "inputs")
        and type(operation).call.__module__.startswith("keras.src.")
    )


def symbolic(model):
    """The model as a `keras.Function` of its symbolic inputs and outputs.

    Raises:
        TypeError: if it is no Keras model, or a subclassed one, which has no graph.
        ValueError: if it is a Sequential model that does not know its input shape.
    """
    if isinstance(model, keras.Sequential) and not model.built:
        raise ValueError(
            "A Sequential model needs its input shape first: begin it with "
            "keras.Input(shape), or call model.build(shape). "
            f"Received: unbuilt model {model.name!r}"
        )
    if not isinstance(model, (keras.Model, keras.Function)):
        raise TypeError(f"model must be a Keras model. Received: model={model!r}")
    if not has_graph(model):
        raise TypeError(
            f"{model.name!r} ({type(model).__name__}) is a subclassed model: it "
            "computes in a `call` of its own, and only the graph of a functional or "
            "sequential model can be read. "
            f"Received: model={model!r}"
        )
    return keras.Function(model.inputs, model.outputs, name=model.name)


def inputs_of(graph):
    """Names of the inputs of a graph, in their order."""
    return [made_by(tensor) for tensor in graph.inputs]


def made_by(tensor):
    """Name of the layer or operation that returned a symbolic tensor."""
    history = getattr(tensor, "_keras_history", None)
    if history is None or history.operation is None:
        return tensor.name
    return history.operation.name


def calls_of(graph, prefix=""):
    """All calls of a graph, in an order in which they can be computed."""
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            if not node.is_input:
                yield Call(
                    prefix + node.operation.name,
                    node.operation,
                    tuple(node.input_tensors),
                    tuple(node.outputs),
                    node.arguments.args,
                    node.arguments.kwargs,
                )


def follow(model, values, visit, *, as_one_layer=lambda model: False, prefix=""):
    """Pass values through the graph of a model, from call to call.

    Nested models are entered; then their own call is reported too, by
    ``visit(call, values, results)``.

    Args:
        model: functional or sequential model, or `keras.Function`.
        values: one value for each input of the model, of whatever kind `visit` takes.
        visit: function (call, values) of a `Call` and one value for each of its
            inputs; returns one value for each of its outputs. For a nested model that
            was entered it is called as (call, values, results), and what it returns
            is ignored.
        as_one_layer: function of a nested model: whether to visit it like a layer
            instead of entering it.
        prefix: put before the names of the calls.

    Returns:
        One value for each output of the model.

    Raises:
        TypeError: if the graph of the model cannot be read.
        ValueError: if a Sequential model does not know its input shape, or a nested
            model is called on more tensors than it has inputs.

    Example: how many layers lie between the image and each output.

    >>> image = keras.Input((8, 8, 1))
    >>> x = keras.layers.Conv2D(1, 3)(image)
    >>> model = keras.Model(image, keras.layers.Add()([keras.layers.ReLU()(x), x]))
    >>> follow(model, [0], lambda call, depths: [max(depths) + 1])
    [3]
    """
    graph = symbolic(model)
    known = {id(x): value for x, value in zip(graph.inputs, values, strict=True)}
    for call in calls_of(graph, prefix):
        if all(id(x) in known for x in call.outputs):
            continue  # the model begins behind this call
        given = [known[id(x)] for x in call.inputs]
        if has_graph(call.operation) and not as_one_layer(call.operation):
            results = _enter(call, given, visit, as_one_layer)
        else:
            results = visit(call, given)
        known.update(zip(map(id, call.outputs), results, strict=True))
    return [known[id(x)] for x in graph.outputs]


def _enter(call, values, visit, as_one_layer):
    inside = call.operation
    if len(values) != len(inside.inputs):
        raise ValueError(
            "A nested model must be called on its inputs and no other tensors. "
            f"Received: {call.name!r} of {len(inside.inputs)} inputs, called on "
            f"{len(values)} tensors"
        )
    results = follow(
        inside, values, visit, as_one_layer=as_one_layer, prefix=f"{call.name}/"
    )
    visit(call, values, results)
    return results


def shapes(model, inputs, *, as_one_layer=lambda model: False):
    """Every call of a model with its tensors, for inputs of other shapes.

    Args:
        model: functional or sequential model.
        inputs: one `keras.KerasTensor` for each input of the model.
        as_one_layer: as in `follow`.

    Returns:
        A list of (call, inputs, outputs), the latter two lists of
        `keras.KerasTensor`. Nested models that are entered have no row of their own.

    Example:

    >>> image = keras.Input((None, None, 3))
    >>> model = keras.Model(image, keras.layers.Conv2D(16, 3, name="conv")(image))
    >>> for call, ins, outs in shapes(model, [keras.KerasTensor((1, 32, 32, 3))]):
    ...     print(call.name, ins[0].shape, outs[0].shape)
    conv (1, 32, 32, 3) (1, 30, 30, 16)
    """
    rows = []

    def visit(call, specs, results=None):
        if results is None:
            results = call.output_specs(specs)
            rows.append((call, specs, results))
        return results

    follow(model, inputs, visit, as_one_layer=as_one_layer)
    return rows
