"""What the checks measure with: seeded inputs, calls, comparisons, gradients."""

import keras
import numpy as np
from keras import ops

from companion.conformance.report import NotJudged, described, expect
from companion.conformance.world import SEED

TOLERANCE = 1e-4  # of the largest number compared, unless float16 is involved


def input_sizes(input_shape):
    """The shape of one sample as a tuple; a `ValueError` if it hides mistakes."""
    known = isinstance(input_shape, (tuple, list)) and input_shape
    if not known or not all(
        isinstance(size, (int, np.integer)) for size in input_shape
    ):
        raise ValueError(
            "`input_shape` must be the known sizes of one sample, (height, width, "
            f"channels), without the batch. Received: input_shape={input_shape}"
        )
    if len(set(input_shape)) < len(input_shape) or min(input_shape) < 1:
        raise ValueError(
            "All sizes must be positive and differ from one another, or a confusion "
            f"of axes stays hidden. Received: input_shape={input_shape}"
        )
    return tuple(map(int, input_shape))


def sample(input_shape, batch=2):
    """Seeded normal numbers; the batch has a size that no other axis has."""
    while batch in input_shape:
        batch += 1
    generator = np.random.default_rng(SEED)
    return generator.standard_normal((batch, *input_shape)).astype("float32")


def equal_sizes(input_shape):
    """Height and width as large as the number of channels."""
    return (input_shape[-1],) * len(input_shape)


def scatter_weights(layer, signs=False):
    """Move every float weight off its initial value: zeros and ones hide mistakes.

    Weights only grow, so that a variance stays positive. With `signs`, trainable
    weights without a constraint go both ways, so that a ReLU has something to cut.
    """
    generator = np.random.default_rng(SEED)
    for weight in layer.weights:
        if keras.backend.is_float_dtype(weight.dtype):
            shift = generator.uniform(0.1, 0.9, weight.shape)
            if signs and weight.trainable and weight.constraint is None:
                shift *= generator.choice([-1, 1], weight.shape)
            weight.assign(weight + shift)


def built(make, input_shape, signs=False):
    """A layer with scattered weights in a functional model: `(layer, model)`."""
    layer = make()
    inputs = keras.Input(input_shape)
    model = keras.Model(inputs, layer(inputs))
    scatter_weights(layer, signs)
    return layer, model


def run(layer, x, training=False):
    """Eager call, NumPy in and out."""
    return ops.convert_to_numpy(layer(ops.convert_to_tensor(x), training=training))


class Traced(keras.Operation):
    """Traces `call` itself, where a layer would ask `compute_output_shape`."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def call(self, x):
        return self.layer(x)


def alike(a, b, tolerance=TOLERANCE):
    """Whether two arrays have one shape and differ little against their size."""
    if a.shape != b.shape:
        return False
    a, b = a.astype("float64"), b.astype("float64")
    return bool(np.all(np.abs(a - b) <= tolerance * max(1.0, np.abs(b).max(initial=0))))


def agrees(promised, shape):
    """Whether a symbolic shape, `None` for any size, allows a real one."""
    return len(promised) == len(shape) and all(
        p is None or p == s for p, s in zip(promised, shape, strict=True)
    )


def compare(y, expected, said=""):
    """Raise, without the right numbers, if the arrays differ."""
    expect(y.shape == expected.shape, f"The output has the wrong shape, {y.shape}.")
    largest = np.abs(expected).max(initial=0)
    wrong = ~np.isclose(y, expected, rtol=0, atol=TOLERANCE * largest)
    inner = wrong[:, 1:-1, 1:-1] if wrong.ndim == 4 else wrong
    if wrong.any() and inner.size and not inner.any():
        expect(False, "Values are wrong only at the border: think of the padding.")
    expect(not wrong.any(), f"{wrong.mean():.0%} of the output values are wrong{said}.")


def evaluated(reference, *arrays):
    """What a NumPy function gives on copies of arrays; `NotJudged` if it raises."""
    try:
        with np.errstate(all="ignore"):
            y = np.asarray(reference(*(array.copy() for array in arrays)))
    except Exception as error:
        shapes = [array.shape for array in arrays]
        raise NotJudged(
            f"The reference itself raised {described(error)} "
            f"It was given arrays of the shapes {shapes}."
        ) from error
    if y.dtype.kind not in "biuf":
        raise NotJudged(f"The reference returned no array of numbers, but {y.dtype}.")
    return y


class Probed(keras.layers.Layer):
    """A layer at inference, with zeros added to its input, one for each number.

    The gradient with respect to these weights is that with respect to the input.
    """

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def build(self, input_shape):
        self.offset = self.add_weight(shape=input_shape, initializer="zeros")

    def call(self, inputs):
        return self.layer(inputs + self.offset, training=False)


def gradients(layer, x, direction):
    """Gradients of `sum(direction * layer(x))`: of x, then of each trainable weight.

    One step of gradient descent with the rate 1 shows them on every backend. The layer
    is called at inference, and has its weights back afterwards.
    """
    inputs = keras.Input(batch_shape=x.shape)
    model = keras.Model(inputs, Probed(layer)(inputs))
    start = [ops.convert_to_numpy(weight) for weight in model.trainable_weights]
    model.compile(
        keras.optimizers.SGD(1.0),
        lambda target, y: ops.sum(target * y),
        run_eagerly=True,
    )
    model.train_on_batch(x, direction)
    found = []
    for weight, before in zip(model.trainable_weights, start, strict=True):
        found.append(before - ops.convert_to_numpy(weight))
        weight.assign(before)
    return found
