"""The weights of one network in another, whatever the order of its layers."""

from collections import Counter, defaultdict

import keras
import numpy as np

from companion.conformance.report import expect


def shapes_of(model):
    """How many weights a model has of each shape."""
    return Counter(tuple(weight.shape) for weight in model.weights)


def transplant(source, target):
    """Give `target` the weights of `source`.

    Layers correspond if the same weights, by their shapes, lie between them and the
    input. Where the graphs differ, the weights of one shape are taken in order.

    Returns:
        Pairs of weights, (of `source`, of `target`).

    Raises:
        Unexpected: if the two have not the same number of weights of each shape.
    """
    expect_shapes(source, target)
    pairs = _by_place(source, target) or _by_shape(source, target)
    for a, b in pairs:
        b.assign(a)
    return pairs


def expect_shapes(source, target):
    """Raise if not as many weights of each shape are there; say what, not how many."""
    found, right = shapes_of(source), shapes_of(target)
    if found == right:
        return
    for what, least, most in (("kernels", 2, np.inf), ("biases or scales", 0, 1)):
        a, b = (
            Counter({s: n for s, n in each.items() if least <= len(s) <= most})
            for each in (found, right)
        )
        difference = a.total() - b.total()
        amount = f"{a.total()} {what}"
        expect(difference <= 0, f"There are {amount}, more than it takes.")
        expect(difference >= 0, f"There are {amount}, fewer than it takes.")
        expect(a == b, f"There are {amount} as it takes, but of other shapes.")


def _by_shape(source, target):
    waiting = defaultdict(list)
    for weight in source.weights:
        waiting[tuple(weight.shape)].append(weight)
    return [(waiting[tuple(weight.shape)].pop(0), weight) for weight in target.weights]


def _by_place(source, target):
    places, wanted = _places(source), _places(target)
    counts = ({k: len(v) for k, v in each.items()} for each in (places, wanted))
    if not wanted or next(counts) != next(counts):
        return None
    return [
        pair
        for place, layers in wanted.items()
        for a, b in zip(places[place], layers, strict=True)
        for pair in zip(a.weights, b.weights, strict=True)
    ]


def _places(model):
    """Layers with weights by their place in the graph; empty if it has no simple one.

    A place is a number made of the shapes of the weights and of the places before.
    """
    found, of_tensor = defaultdict(list), {}
    for operation in getattr(model, "operations", ()):
        if isinstance(operation, keras.layers.InputLayer):
            before = [0]
        else:
            try:
                inputs = keras.tree.flatten(operation.input)
            except (AttributeError, ValueError):  # called twice, so no single input
                return {}
            before = sorted(of_tensor[id(tensor)] for tensor in inputs)
        weights = getattr(operation, "weights", ())
        place = before[0] if len(before) == 1 else hash(tuple(before))
        if weights:
            place = hash((place, *(tuple(weight.shape) for weight in weights)))
            found[place].append(operation)
        for tensor in keras.tree.flatten(operation.output):
            of_tensor[id(tensor)] = place
    return found
