"""What a block of a network must do: a function from a tensor to a tensor."""

import functools

import keras
import numpy as np

from companion.conformance.layers import expect_open_training, training_parts
from companion.conformance.probes import (
    alike,
    gradients,
    input_sizes,
    run,
    sample,
    scatter_weights,
)
from companion.conformance.report import (
    NotJudged,
    Report,
    Unexpected,
    described,
    expect,
    judge,
    raise_first,
    register,
)
from companion.conformance.transplant import expect_shapes, shapes_of, transplant
from companion.conformance.world import SEED

BLOCK_CHECKS = {}

SCALES = (1, 40)
TOLERANCE = 0.01  # wide enough for another epsilon in batch normalization


def check_block(
    block, reference, input_shape, cases=((),), *, mistakes=None, without=()
):
    """Check a block against a right one that gets the same weights.

    The weights of the block are moved into the reference, whatever the order of its
    layers; then outputs at inference and in training and gradients must agree. How
    the layers are called and arranged in the code does not matter.

    Args:
        block: Function `(x, *case) -> y` of Keras tensors.
        reference: The same, right. If several answers are right, for instance with a
            bias and without, a list of them: the one that fits best is taken.
        input_shape: `(height, width, channels)`, all different.
        cases: Tuples of further arguments, each tried. Choose widths that differ, or
            branches of one shape may be taken for one another.
        mistakes: Known wrong blocks: `{sentence: function}`. An answer that equals one
            of them in all cases gets its sentence as the hint.
        without: Names of checks that do not apply.

    Raises:
        ConformanceError: When a check fails.
        NotJudged: If a reference itself raises.
        ValueError: If sizes are equal, or a name in `without` is no check.

    Example:

    >>> from keras import layers
    >>> def right(x, stride):
    ...     y = layers.Conv2D(3, 3, stride, "same")(x)
    ...     return layers.ReLU()(layers.BatchNormalization()(y))
    >>> def linear(x, stride):
    ...     return layers.BatchNormalization()(layers.Conv2D(3, 3, stride, "same")(x))
    >>> check_block(right, right, (6, 5, 4), cases=[(1,), (2,)])
    >>> try:
    ...     check_block(linear, right, (6, 5, 4), cases=[(1,), (2,)],
    ...                 mistakes={"Where is the activation?": linear})
    ... except AssertionError as error:
    ...     print(str(error)[:27], "...", str(error)[-24:])
    [values] Called with (1,),  ... Where is the activation?
    """
    raise_first(_results(block, reference, input_shape, cases, mistakes, without))


def report_block(
    block, reference, input_shape, cases=((),), *, mistakes=None, without=()
):
    """Run all checks of `check_block` and report them at once.

    Args, Raises: as for `check_block`, but neither a failure nor a broken reference
    raises.

    Returns:
        A `Report`.

    Example:

    >>> from keras import layers
    >>> report = report_block(lambda x: x, layers.ReLU(), (6, 5, 4))
    >>> [result.check for result in report.failures]
    ['values']
    """
    return Report(
        tuple(_results(block, reference, input_shape, cases, mistakes, without))
    )


def _results(block, reference, input_shape, cases, mistakes, without):
    references = reference if isinstance(reference, (list, tuple)) else [reference]
    for name, functions in (("block", [block]), ("reference", references)):
        if not all(map(callable, functions)):
            raise ValueError(
                f"`{name}` must be a function (x, ...) -> y of Keras tensors. "
                f"Received: {name}={functions}"
            )
    answer = Answer(block, input_sizes(input_shape), cases, references)
    return judge(BLOCK_CHECKS, (answer,), {"mistakes": mistakes or {}}, without)


def network(block, input_shape, case):
    """The block alone in a model."""
    image = keras.Input(input_shape)
    return keras.Model(image, block(image, *case))


class Answer:
    """A block and right ones, each built once for every case.

    Attributes:
        cases: tuples of arguments.
        x: a batch of images.
    """

    def __init__(self, block, input_shape, cases, references):
        self.block, self.references = block, references
        self.input_shape = input_shape
        self.cases = [tuple(case) for case in cases]
        self.x = sample(input_shape)
        self.net = functools.cache(self._net)
        self.right = functools.cache(self._right)

    def pairs(self):
        """For each case: how to call it in words, the network, the right one."""
        for number, case in enumerate(self.cases):
            words = f"Called with {case}, " if case else "Alone in a network, "
            yield words, self.net(number), self.right(number)

    def makes(self, mistake):
        """Whether the block equals a wrong one in all cases."""
        try:
            return not any(
                self.difference(net, network(mistake, self.input_shape, case))
                for (_, net, _), case in zip(self.pairs(), self.cases, strict=True)
            )
        except Exception:  # other weights, or a mistake that does not run here
            return False

    def difference(self, net, right):
        """The part of the output that differs with the same weights; 0 if none does."""
        if net.output.shape != right.output.shape:
            return 1
        transplant(net, right)
        for scale in SCALES:
            y, expected = run(net, scale * self.x), run(right, scale * self.x)
            if not alike(y, expected, TOLERANCE):
                room = TOLERANCE * max(1.0, np.abs(expected).max())
                return np.mean(~(np.abs(y - expected) <= room))
        return 0

    def _net(self, number):
        net = network(self.block, self.input_shape, self.cases[number])
        scatter_weights(net, signs=True)
        return net

    def _right(self, number):
        """The reference with the net's weights and outputs, or at least its weights."""
        net, case = self.net(number), self.cases[number]
        try:
            nets = [network(each, self.input_shape, case) for each in self.references]
        except Exception as error:
            raise NotJudged(
                f"The reference itself raised {described(error)}"
            ) from error
        fitting = [each for each in nets if shapes_of(each) == shapes_of(net)]
        if len(fitting) > 1:
            equal = (each for each in fitting if not self.difference(net, each))
            return next(equal, fitting[0])
        return (fitting or nets)[0]


def _unexpected(observed, answer, given):
    """A failure, with the sentence of the known mistake that the block makes."""
    for sentence, mistake in given["mistakes"].items():
        if answer.makes(mistake):
            return Unexpected(observed, sentence)
    return Unexpected(observed)


@register(BLOCK_CHECKS, "Call it on `keras.Input(...)` yourself and look at the line.")
def check_block_runs(answer, given):
    """The block takes a Keras tensor and returns one."""
    for number, case in enumerate(answer.cases):
        y = answer.block(keras.Input(answer.input_shape), *case)
        expect(y is not None, "The block returned None.", "Is a `return` missing?")
        expect(
            keras.backend.is_keras_tensor(y),
            f"The block returned an object of the type {type(y).__name__}.",
            "It returns one Keras tensor: the output of its last layer.",
        )
        run(answer.net(number), answer.x)


@register(
    BLOCK_CHECKS,
    "Follow height, width and channels through the layers: where is the stride, what "
    "is the padding, which width has the last layer?",
    needs=("runs",),
)
def check_block_shape(answer, given):
    """The output has the right shape."""
    for called, net, right in answer.pairs():
        shape = net.output.shape
        if shape != right.output.shape:
            observed = f"{called}the output has the wrong shape, {shape}."
            raise _unexpected(observed, answer, given)


@register(
    BLOCK_CHECKS,
    "Go through the layers one by one: kernel sizes, widths, groups, biases, "
    "normalization; and is a projection where none is needed, or none where one is?",
    needs=("runs",),
)
def check_block_weights(answer, given):
    """The weights have the right shapes, and they learn."""
    for called, net, right in answer.pairs():
        try:
            expect_shapes(net, right)
        except Unexpected as error:
            observed = str(error)
            observed = f"{called}{observed[0].lower()}{observed[1:]}"
            raise _unexpected(observed, answer, given) from None
        expect(
            len(net.trainable_weights) >= len(right.trainable_weights),
            f"{called}weights that should learn do not.",
            "Is `trainable=False` written somewhere?",
        )


@register(
    BLOCK_CHECKS,
    "The weights are right, so look at what has none: activations, their place and "
    "kind, shortcuts, strides, pooling, and the order of the layers.",
    needs=("runs", "shape", "weights"),
)
def check_block_values(answer, given):
    """With the same weights, the output at inference is that of the reference."""
    for called, net, right in answer.pairs():
        wrong = answer.difference(net, right)
        if wrong:
            observed = f"{called}{wrong:.0%} of the output values are wrong."
            raise _unexpected(observed, answer, given)


@register(
    BLOCK_CHECKS,
    "It is right at inference and not in training: is `training` written into a call, "
    "or is a dropout missing or too much?",
    needs=("runs", "shape", "weights", "values"),
)
def check_block_training(answer, given):
    """In training, batches are normalized and units dropped as in the reference."""
    for called, net, right in answer.pairs():
        expect_open_training(net)
        transplant(net, right)
        twice = [[run(each, answer.x, True) for _ in range(2)] for each in (net, right)]
        random, right_random = (not np.array_equal(*outputs) for outputs in twice)
        amount = "" if random else "no "
        expect(random == right_random, f"{called}it draws {amount}random numbers.")
        same = random or alike(twice[0][0], twice[1][0], TOLERANCE)
        expect(same, f"{called}the output in training is wrong.")
        found, wanted = len(training_parts(net)), len(training_parts(right))
        expect(found >= wanted, f"{called}a part is frozen in training.")


@register(
    BLOCK_CHECKS,
    "The values are right, and what flows back is not: is there a `stop_gradient`, a "
    "rounding or a detour through NumPy on one of the ways?",
    needs=("runs", "shape", "weights", "values"),
)
def check_block_gradient(answer, given):
    """The gradients of the input and of all weights are those of the reference."""
    for called, net, right in answer.pairs():
        pairs = {id(a): id(b) for a, b in transplant(net, right)}
        shape = (len(answer.x), *net.output.shape[1:])
        toward = np.random.default_rng(SEED).standard_normal(shape).astype("float32")
        image, *mine = gradients(net, answer.x, toward)
        right_image, *others = gradients(right, answer.x, toward)
        theirs = dict(zip(map(id, right.trainable_weights), others, strict=True))
        compared = [("the input", image, right_image)]
        for weight, gradient in zip(net.trainable_weights, mine, strict=True):
            if pairs[id(weight)] in theirs:
                compared.append((weight.path, gradient, theirs[pairs[id(weight)]]))
        largest = max(np.linalg.norm(wanted) for _, _, wanted in compared)
        for name, gradient, wanted in compared:
            room = 0.05 * np.linalg.norm(wanted) + 1e-3 * largest
            expect(
                np.linalg.norm(gradient - wanted) <= room,
                f"{called}the gradient with respect to {name} is wrong.",
            )
