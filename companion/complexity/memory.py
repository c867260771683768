"""How much memory a network takes to run, and to train."""

from __future__ import annotations

import math
from dataclasses import dataclass

from companion.arguments import integer
from companion.complexity.counts import count_params, layer_costs
from companion.complexity.operations import name_of

__all__ = ["Memory", "inference_memory", "live_maps", "training_memory"]

BYTES = 4  # of a number in single precision


@dataclass(frozen=True)
class Memory:
    """Bytes that a network takes, by what they hold; single precision.

    Args:
        weights: all weights, moving averages included.
        gradients: one number for each trained weight; 0 at inference.
        optimizer: the running sums of the optimizer, `slots` for each trained weight.
        kept: the maps that wait for the backward pass when it begins; 0 at inference.
        maps: the maps and their gradients at the moment when they take most. This
            includes what is kept at that moment.
    """

    weights: int
    gradients: int
    optimizer: int
    kept: int
    maps: int

    @property
    def total(self) -> int:
        """All bytes at the moment when the maps take most."""
        return self.weights + self.gradients + self.optimizer + self.maps


def inference_memory(model, input_shape=None, *, batch_size=1) -> Memory:
    """Bytes to run a network: its weights, and the maps that are in use at once.

    A map is freed after the last call that reads it. A call that works on single values
    (ReLU, batch normalization, the sum of a shortcut) writes over its input if nothing
    else reads it; one that looks at a map in another shape needs no new one.

    Args:
        model: a functional or sequential model, as for ``count_macs``.
        input_shape: as for ``count_macs``.
        batch_size: images at once.

    Raises:
        ValueError: if `batch_size` is no positive integer, or as ``count_macs``.
        TypeError: as ``count_macs``.

    Example: the image, 32 * 32 * 3 numbers, and the map of 30 * 30 * 16, which the ReLU
    writes over.

    >>> import keras
    >>> L = keras.layers
    >>> image = keras.Input((32, 32, 3))
    >>> model = keras.Model(image, L.ReLU()(L.Conv2D(16, 3)(image)))
    >>> inference_memory(model)
    Memory(weights=1792, gradients=0, optimizer=0, kept=0, maps=69888)
    """
    batch_size = integer("batch_size", batch_size)
    steps, images = steps_of(model, input_shape, training=False)
    maps = max(forward_pass(steps, images, kept=set()))
    weights = sum(math.prod(weight.shape) for weight in model.weights)
    return Memory(BYTES * weights, 0, 0, 0, batch_size * maps)


def training_memory(model, input_shape=None, *, batch_size=1, slots=0) -> Memory:
    """Bytes to train a network: what a step holds when it holds most.

    The backward pass of a layer needs some maps of the forward pass, which wait for it:

    - convolutions, dense layers, batch normalization and products of maps need their
      input;
    - ReLU, sigmoid, tanh and softmax need their output; swish, GELU and leaky ReLU
      their input;
    - max pooling needs both, to find its winners again; dropout needs a byte for each
      value;
    - average pooling, sums, concatenations, padding and reshapes need none.

    So the ReLU behind a convolution writes over its input, and costs nothing. This is
    how TensorFlow computes. The rules hold for graphs of Keras' layers; scratch space
    of a layer, and copies in another layout, are not counted. A frozen layer counts as
    one that is trained, but for its gradients.

    Args:
        model: a functional or sequential model, as for ``count_macs``.
        input_shape: as for ``count_macs``.
        batch_size: images in one step.
        slots: running sums that the optimizer keeps for each weight: 0 for gradient
            descent, 1 for momentum, 2 for Adam.

    Raises:
        ValueError: if `batch_size` or `slots` is no such integer, if the model has
            several outputs, or as ``count_macs``.
        TypeError: if it is not known what the backward pass of a layer needs, or as
            ``count_macs``.

    Example: the convolution keeps the image, the ReLU its output. When the backward
    pass begins there is one gradient beside them, of 30 * 30 * 16 numbers.

    >>> import keras
    >>> L = keras.layers
    >>> image = keras.Input((32, 32, 3))
    >>> model = keras.Model(image, L.ReLU()(L.Conv2D(16, 3)(image)))
    >>> training_memory(model, slots=2)
    Memory(weights=1792, gradients=1792, optimizer=3584, kept=69888, maps=127488)

    Reference: Chen et al., *Training Deep Nets with Sublinear Memory Cost*, arXiv
    1604.06174, Section 3, on what a backward pass keeps.
    """
    batch_size = integer("batch_size", batch_size)
    slots = integer("slots", slots, least=0)
    steps, images = steps_of(model, input_shape, training=True)
    wanted = wanted_by(steps)
    forward = forward_pass(steps, images, kept=set(wanted))
    backward = backward_pass(steps, images, wanted)
    trained = count_params(model)
    weights = sum(math.prod(weight.shape) for weight in model.weights)
    return Memory(
        weights=BYTES * weights,
        gradients=BYTES * trained,
        optimizer=BYTES * trained * slots,
        kept=batch_size * sum(wanted.values()),
        maps=batch_size * max(forward + backward),
    )


def live_maps(model, input_shape=None, *, training=False) -> list[tuple[str, int]]:
    """Bytes of the maps of one image in use during each call, in order of time.

    Args:
        model, input_shape: as for ``training_memory``.
        training: whether maps wait for a backward pass, whose calls follow in the list.

    Returns:
        A list of (name of the call, bytes). With `training` the list goes to the last
        call and back to the first.

    Raises:
        ValueError, TypeError: as ``training_memory``.

    Example:

    >>> import keras
    >>> image = keras.Input((32, 32, 3))
    >>> x = keras.layers.Conv2D(16, 3, name="conv")(image)
    >>> model = keras.Model(image, keras.layers.ReLU(name="relu")(x))
    >>> live_maps(model)
    [('conv', 69888), ('relu', 69888)]
    >>> [name for name, _ in live_maps(model, training=True)]
    ['conv', 'relu', 'relu', 'conv']
    """
    steps, images = steps_of(model, input_shape, training)
    wanted = wanted_by(steps)
    taken_by = forward_pass(steps, images, kept=set(wanted))
    names = [step.name for step in steps]
    if training:
        names += names[::-1]
        taken_by += backward_pass(steps, images, wanted)
    return list(zip(names, taken_by, strict=True))


# What the backward pass of a layer needs of its forward pass.

NEED_INPUT = """
Conv1D Conv2D Conv3D Conv1DTranspose Conv2DTranspose Conv3DTranspose Dense
DepthwiseConv1D DepthwiseConv2D EinsumDense BatchNormalization LeakyReLU Multiply
"""
NEED_OUTPUT = "ReLU Softmax"
NEED_BOTH = "MaxPooling1D MaxPooling2D MaxPooling3D GlobalMaxPooling2D"
NEED_MASK = "Dropout SpatialDropout2D"
NEED_NOTHING = """
Add Subtract Concatenate Flatten Reshape Identity Permute Rescaling UpSampling2D
AveragePooling1D AveragePooling2D AveragePooling3D GlobalAveragePooling1D
GlobalAveragePooling2D GlobalAveragePooling3D
ZeroPadding1D ZeroPadding2D ZeroPadding3D Cropping1D Cropping2D Cropping3D
"""
NEEDS = {
    **dict.fromkeys(NEED_INPUT.split(), "input"),
    **dict.fromkeys(NEED_OUTPUT.split(), "output"),
    **dict.fromkeys(NEED_BOTH.split(), "both"),
    **dict.fromkeys(NEED_MASK.split(), "mask"),
    **dict.fromkeys(NEED_NOTHING.split(), ""),
    "Activation": "",  # the function decides
}
FUNCTIONS_OF_OUTPUT = "relu relu6 sigmoid tanh softmax elu selu"
FUNCTIONS_OF_INPUT = "silu swish gelu leaky_relu softplus"
OF_FUNCTIONS = {
    "linear": "",
    **dict.fromkeys(FUNCTIONS_OF_OUTPUT.split(), "output"),
    **dict.fromkeys(FUNCTIONS_OF_INPUT.split(), "input"),
}
VIEWS = {"Flatten", "Reshape", "Identity"}
VIEWS_AT_INFERENCE = {"Dropout", "SpatialDropout2D"}
IN_PLACE = {
    *("ReLU", "Softmax", "LeakyReLU", "Activation", "BatchNormalization", "Rescaling"),
    *("Add", "Subtract", "Multiply", "Dropout", "SpatialDropout2D"),
}


@dataclass
class Step:
    """One call: the maps that it reads and writes, and those its gradient reads.

    Maps are told apart by a key; `needs` and `sizes` give bytes.
    """

    name: str
    kinds: list
    reads: list
    writes: list
    needs: dict
    sizes: dict

    @property
    def in_place(self):
        return bool(IN_PLACE.intersection(self.kinds))

    @property
    def passes_gradient_on(self):
        """Whether its inputs' gradients take the place of its output's."""
        return self.in_place and "BatchNormalization" not in self.kinds


def steps_of(model, input_shape, training):
    """The calls of a model as `Step`s, and the keys and bytes of its images."""
    rows = layer_costs(model, input_shape)
    if len(model.outputs) > 1:
        raise ValueError(
            "Memory is counted for models with one output. "
            f"Received: {model.name!r} with {len(model.outputs)}"
        )
    images = {
        id(x): BYTES * math.prod(x.shape)
        for row in rows
        if row.operation is None
        for x in row.outputs
    }
    same, steps = {}, []  # a view has the key of the map that it looks at

    def key(tensor):
        return same.get(id(tensor), id(tensor))

    for row in rows:
        if row.operation is None:
            continue
        kinds = kinds_of(row.operation)
        views = VIEWS if training else VIEWS | VIEWS_AT_INFERENCE
        if views.intersection(kinds):
            same[id(row.outputs[0])] = key(row.inputs[0])
            continue
        reads, writes = map(key_list(key), (row.inputs, row.outputs))
        tensors = [*row.inputs, *row.outputs]
        sizes = {key(x): BYTES * math.prod(x.shape) for x in tensors}
        step = Step(row.name, kinds, reads, writes, {}, sizes)
        if training:
            step.needs = needs_of(row, step)
        steps.append(step)
    return steps, images


def key_list(key):
    return lambda tensors: list(dict.fromkeys(map(key, tensors)))


def kinds_of(operation):
    """Names of the classes of a layer, or of an operation as its layer is called."""
    own = name_of(operation)
    if own is not None:
        return [AS_LAYERS.get(own, own)]
    return [kind.__name__ for kind in type(operation).__mro__]


AS_LAYERS = {"Relu": "ReLU", "Relu6": "ReLU", "Concatenate": "Concatenate"}


def needs_of(row, step):
    """{key: bytes} of what the backward pass of a call reads.

    Raises:
        TypeError: if the kind of the layer is not known.
    """
    kind = next((kind for kind in step.kinds if kind in NEEDS), None)
    function = getattr(getattr(row.operation, "activation", None), "__name__", "linear")
    if kind is None or function not in OF_FUNCTIONS:
        what = type(row.operation).__name__
        what += f" with activation {function!r}" if kind else ""
        raise TypeError(
            f"It is not known what the backward pass of {what} keeps of the forward "
            f"pass. Received: {row.name!r}"
        )
    found, (out, *_) = {}, step.writes
    if NEEDS[kind] in ("input", "both"):
        found.update({key: step.sizes[key] for key in step.reads})
    if NEEDS[kind] in ("output", "both") or OF_FUNCTIONS[function] == "output":
        found[out] = step.sizes[out]
    if OF_FUNCTIONS[function] == "input":
        before = step.reads[0] if kind == "Activation" else ("before", out)
        found[before] = step.sizes[out]
    if NEEDS[kind] == "mask":
        found["mask", out] = step.sizes[out] // BYTES
    return found


def wanted_by(steps):
    """{key: bytes} of all that the backward pass reads."""
    return {key: size for step in steps for key, size in step.needs.items()}


def forward_pass(steps, images, kept):
    """Bytes of maps during each call; `kept` are never freed, nor are the images."""
    last = {key: number for number, step in enumerate(steps) for key in step.reads}
    live, found = dict(images), []
    for number, step in enumerate(steps):
        done = [
            key
            for key in step.reads
            if last[key] == number and key not in kept and key not in images
        ]
        fits = [key for key in done if step.sizes[key] >= step.sizes[step.writes[0]]]
        if step.in_place and fits:
            done.remove(fits[-1])
            live.pop(fits[-1])
        live.update({key: step.sizes[key] for key in step.writes})
        extra = {k: n for k, n in step.needs.items() if isinstance(k, tuple)}
        live.update(extra)
        found.append(sum(live.values()))
        for key in done:
            live.pop(key, None)
    return found


def backward_pass(steps, images, wanted):
    """Bytes of kept maps and gradients during each call, from the last to the first.

    What a call needs is freed after it, unless a call before it needs it as well. The
    gradient of a map is freed after the call that wrote the map.
    """
    first = {}
    for number, step in enumerate(steps):
        for key in step.needs:
            first.setdefault(key, number)
    kept = dict(images) | wanted
    gradients = {key: (key, steps[-1].sizes[key]) for key in steps[-1].writes}
    found = []
    for number in reversed(range(len(steps))):
        step = steps[number]
        arriving = [gradients[key] for key in step.writes if key in gradients]
        new = {}
        for key in step.reads:
            own = (number, key), step.sizes[key]
            if key not in images:
                new[key] = arriving[0] if step.passes_gradient_on else own
        both = {("sum", key): place for key, place in new.items() if key in gradients}
        for key, place in new.items():
            gradients.setdefault(key, place)
        found.append(sum(kept.values()) + taken(gradients | both))
        for key in step.writes:
            gradients.pop(key, None)
        for key in step.needs:
            if first[key] == number and key not in images:
                kept.pop(key, None)
    return found


def taken(places):
    """Bytes of the places that gradients are in; two may share one."""
    return sum(dict(places.values()).values())
