"""Multiply-adds of the backward pass.

A product Y = X W has two gradients, dX = dY W^T and dW = X^T dY. Each takes as many
multiply-adds as Y itself, and is only needed if something behind it is trained.
"""

import math

import keras

from companion.complexity import operations
from companion.complexity.calls import macs, opened, rule_of

__all__ = ["gradient_macs"]


def gradient_macs(rows, needed=()):
    """Multiply-adds of all gradients in a list of calls.

    Args:
        rows: `calls.Costed`, in graph order.
        needed: ids of the tensors whose gradients are needed from the outset.
    """
    needed, total = set(needed), 0
    for row in before_the_loss(rows):
        total += row.times * gradients_of(row, needed)
        if passes_on(row, needed):
            needed.update(map(id, row.outputs))
    return total


def before_the_loss(rows):
    """The calls that a gradient of an output comes back to."""
    used = {id(x) for row in rows for x in row.inputs}
    alive, found = set(), []
    for row in reversed(rows):
        if any(id(x) in alive or id(x) not in used for x in row.outputs):
            found.append(row)
            if operations.name_of(row.call.operation) != "StopGradient":
                alive.update(map(id, row.inputs))
    return found[::-1]


def passes_on(row, needed):
    """Whether the gradients of its outputs are needed: something before is trained."""
    operation = row.call.operation
    trained = getattr(operation, "trainable_weights", []) or reads_weights(row)
    if operations.name_of(operation) == "StopGradient":
        return False
    return bool(trained) or reached(row, needed)


def reads_weights(row):
    return [x for x in keras.tree.flatten(row.arguments) if is_trained(x)]


def is_trained(x):
    return isinstance(x, keras.Variable) and x.trainable


def reached(row, needed):
    return any(id(x) in needed and "float" in x.dtype for x in row.inputs)


def gradients_of(row, needed):
    operation = row.call.operation
    if not isinstance(operation, keras.Layer):
        return gradients_of_operation(row, needed)
    rule = rule_of(operation)
    kernels = [weight for weight in operation.weights if len(weight.shape) > 1]
    if rule is not None and len(kernels) <= 1:
        trained = any(len(weight.shape) > 1 for weight in operation.trainable_weights)
        return macs(row) // row.times * (trained + reached(row, needed))
    given, inner = opened(row)
    starts = needed & set(map(id, row.inputs))
    if given is not row.inputs and (starts or operation.trainable_weights):
        starts |= set(map(id, given[1:]))  # the states, from the second step on
    if given is not row.inputs and reached(row, needed):
        starts |= {id(given[0])}
    return gradient_macs(inner, starts)


def gradients_of_operation(row, needed):
    """One for every operand whose gradient is needed."""
    products, name = operations.macs(row), operations.name_of(row.call.operation)
    args, kwargs = row.arguments
    asked = [is_trained(x) or id(x) in needed for x in (*args, *kwargs.values())]
    if name == "DotProductAttention":  # two products; the second's operand is the first
        scores, sums = operations.attention_products(*(x.shape for x in args[:3]))
        query, key, value, *_ = asked
        return scores * (query + key) + sums * ((query or key) + value)
    if name == "SeparableConv":
        inputs, depthwise, pointwise = asked
        sizes = [math.prod(kernel.shape) for kernel in args[1:]]
        first = products * sizes[0] // sum(sizes)
        second = products - first
        return first * (inputs + depthwise) + second * (
            (inputs or depthwise) + pointwise
        )
    return products * sum(asked)
