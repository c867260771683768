"""What Keras' operations cost, the functions of `keras.ops` on symbolic tensors.

Their classes are private to Keras and known here by name. An operation that stands in
no table is refused: it may need any number of multiply-adds.
"""

import math

import numpy as np

from companion.complexity.rules import refusal

__all__ = ["macs", "name_of"]


def name_of(operation):
    """Name of the class if it is Keras' own, otherwise None."""
    kind = type(operation)
    own = kind.__module__.startswith(("keras.src.ops.", "keras.src.activations."))
    return kind.__name__ if own else None


def macs(row):
    """Multiply-adds of one call of an operation.

    Raises:
        TypeError: if its cost is not known.
    """
    operation, name = row.call.operation, name_of(row.call.operation)
    if name in PRODUCTS:
        args, kwargs = row.arguments
        shapes = [shape_of(x) for x in (*args, *kwargs.values()) if x is not None]
        return PRODUCTS[name](operation, shapes, row.outputs[0].shape)
    if name in ELEMENTWISE:
        return 0
    raise TypeError(refusal(operation, row.call.name))


def shape_of(tensor):
    return tuple(tensor.shape) if hasattr(tensor, "shape") else np.shape(tensor)


# Multiply-adds: function (operation, shapes of its operands, shape of its output).


def matrix_product(operation, shapes, output):
    """Every output is a sum over the last axis of the first operand."""
    return math.prod(output) * shapes[0][-1]


def dot(operation, shapes, output):
    return matrix_product(operation, shapes, output) if all(shapes) else 0


def inner_product(operation, shapes, output):
    return math.prod(shapes[0])


def tensordot(operation, shapes, output):
    axes = operation.axes
    if isinstance(axes, int):
        summed = shapes[0][len(shapes[0]) - axes :]
    else:
        summed = [shapes[0][axis] for axis in np.ravel(axes[0])]
    return math.prod(output) * math.prod(summed) if len(summed) else 0


def einsum(operation, shapes, output):
    return einsum_macs(operation.subscripts, shapes)


def einsum_macs(equation, shapes):
    """All index values together, if two operands meet in a sum.

    Raises:
        TypeError: for three operands or more: the order decides what they cost.

    Example: a matrix product, and a scaling, which sums nothing.

    >>> einsum_macs("ij,jk->ik", [(2, 3), (3, 4)])
    24
    >>> einsum_macs("ij,j->ij", [(2, 3), (3,)])
    0
    """
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) > 2:
        raise TypeError(
            "The multiply-adds of three operands depend on the order in which they are "
            "multiplied: write one einsum for each product. "
            f"Received: einsum {equation!r}"
        )
    sizes, dots = {}, 0
    for term, shape in zip(terms, shapes, strict=True):
        before, ellipsis, after = term.partition("...")
        free = len(shape) - len(before) - len(after) if ellipsis else 0
        dots = max(dots, free)
        labels = [*before, *range(-free, 0), *after]
        for label, size in zip(labels, shape, strict=True):
            sizes[label] = max(size, sizes.get(label, 1))
    if arrow:
        kept = set(output)
    else:
        kept = {label for label in inputs if inputs.count(label) == 1}
    kept.update(range(-dots, 0) if not arrow or "..." in output else ())
    summed = set(sizes) - kept
    return math.prod(sizes.values()) if len(terms) == 2 and summed else 0


def positions(shape, data_format):
    """Number of spatial positions in a tensor of this shape, times the batch."""
    sides = shape[2:] if data_format == "channels_first" else shape[1:-1]
    return shape[0] * math.prod(sides)


def convolution(operation, shapes, output):
    return math.prod(shapes[1]) * positions(output, operation.data_format)


def transposed_convolution(operation, shapes, output):
    return math.prod(shapes[1]) * positions(shapes[0], operation.data_format)


def separable_convolution(operation, shapes, output):
    kernels = math.prod(shapes[1]) + math.prod(shapes[2])
    return kernels * positions(output, operation.data_format)


def attention(operation, shapes, output):
    return sum(attention_products(*shapes[:3]))


def attention_products(query, key, value):
    """Multiply-adds of the scores, and of the sums of values that they weigh.

    Shapes are (batch, length, heads, width).
    """
    pairs = math.prod(query[:-1]) * key[1]
    return pairs * query[-1], pairs * value[-1]


PRODUCTS = {
    "Conv": convolution,
    "ConvTranspose": transposed_convolution,
    "DepthwiseConv": convolution,
    "Dot": dot,
    "DotProductAttention": attention,
    "Einsum": einsum,
    "Inner": dot,
    "Matmul": matrix_product,
    "SeparableConv": separable_convolution,
    "Tensordot": tensordot,
    "Vdot": inner_product,
}

# Operations without a sum of products, and what they do for `count_operations`:
# nothing but move values, or so many operations for each output or each input value.

MOVES = """
Append Arange Array ArraySplit BroadcastTo Cast Concatenate ConvertToTensor Copy
CropImages DepthToSpace Diag Diagflat Diagonal Dsplit Dstack EmptyLike ExpandDims
ExtractPatches ExtractSequences Flip Fliplr Flipud Full FullLike GetItem Hsplit Hstack
Meshgrid Moveaxis Ndim OneHot OnesLike Pad PadImages Ravel Rearrange Repeat Reshape
Roll Rot90 SaturateCast Scatter ScatterUpdate Size Slice SliceUpdate SpaceToDepth Split
Squeeze Stack StopGradient Swapaxes Take TakeAlongAxis Tile Transpose Tril Triu Unfold
Unstack View ViewAsComplex ViewAsReal Vsplit Vstack ZerosLike
"""
ONE_PER_OUTPUT = """
Absolute Add Arccos Arccosh Arcsin Arcsinh Arctan Arctan2 Arctanh BitwiseAnd
BitwiseInvert BitwiseLeftShift BitwiseNot BitwiseOr BitwiseRightShift BitwiseXor Cbrt
Ceil Celu Clip Conjugate Cos Cosh Cumprod Cumsum Deg2rad Divide DivideNoNan Elu Equal
Erf Erfc Erfinv Exp Exp2 Expm1 Fabs Floor FloorDivide Fmax Fmin Fmod Gelu Glu Greater
GreaterEqual HardShrink HardSigmoid HardSilu HardTanh Heaviside Hypot Imag Isclose
Isfinite Isinf Isnan Isneginf Isposinf Isreal Kron LeakyRelu LeftShift Less LessEqual
Log Log10 Log1p Log2 LogSigmoid LogSoftmax Logaddexp Logaddexp2 LogicalAnd LogicalNot
LogicalOr LogicalXor Maximum Minimum Mod Multiply NanToNum Negative NotEqual Outer Power
Rad2deg ReLU Real Reciprocal Relu Relu6 RightShift Round Rsqrt Selu Sigmoid Sign Signbit
Silu Sin Sinc Sinh SoftShrink Softmax Softplus Softsign SparsePlus SparseSigmoid
Sparsemax Sqrt Square Squareplus Subtract Tan Tanh TanhShrink Threshold TrueDivide Trunc
Where
"""
ONE_PER_INPUT = """
All Amax Amin Any Argmax Argmin CountNonzero Logsumexp Max Mean Min Nanmax Nanmean
Nanmin Nansum Prod Ptp Sum Trace
"""
NOT_COUNTED = """
AdaptiveAveragePool AdaptiveMaxPool Argpartition Argsort HSVToRGB InTopK Median
Nanmedian Nanpercentile Nanquantile Percentile Quantile RGBToHSV Resize
SegmentReduction Sort TopK
"""


def each_output(times):
    return lambda operation, inputs, outputs: times * size(outputs)


def each_input(times):
    return lambda operation, inputs, outputs: times * size(inputs)


def windows(operation, inputs, outputs):
    """As many operations for each output as its window has values."""
    window = operation.pool_size
    if isinstance(window, int):
        window = (window,) * (len(outputs[0]) - 2)
    return size(outputs) * math.prod(window)


def size(shapes):
    return sum(map(math.prod, shapes))


# Known to need no multiply-adds; None where `count_operations` does not know more.
ELEMENTWISE = {
    **dict.fromkeys(MOVES.split(), each_output(0)),
    **dict.fromkeys(ONE_PER_OUTPUT.split(), each_output(1)),
    **dict.fromkeys(ONE_PER_INPUT.split(), each_input(1)),
    **dict.fromkeys(["AveragePool", "MaxPool"], windows),
    "Normalize": each_input(3),
    **dict.fromkeys(["Moments", "Nanstd", "Nanvar", "Std", "Var"], each_input(4)),
    "BatchNorm": each_output(2),
    "LayerNorm": each_output(7),
    "RMSNorm": each_output(4),
    **dict.fromkeys(NOT_COUNTED.split()),
}


def elementwise_of(operation):
    """The entry of an operation in `ELEMENTWISE`; einsum may scale, too."""
    name = name_of(operation)
    return each_output(1) if name in PRODUCTS else ELEMENTWISE.get(name)
