"""From the layers of a file to those of a model: all weights fit, or none moves."""

import functools
import inspect
import re

import keras
import numpy as np

from companion.models.registry import MODELS

SETTINGS = ("strides", "padding", "dilation_rate", "groups", "epsilon")


def own_name(function):
    """The name that a model gets from its function."""
    return inspect.signature(MODELS[function].build).parameters["name"].default


def shapes_only(function, **arguments):
    """A model without memory for its weights."""
    with keras.StatelessScope(initialize_variables=False):
        return function(**arguments)


def network_of(row):
    """The companion's network that a file is published for."""
    return cached_network(row.model, tuple(row.arguments.items()))


@functools.lru_cache(maxsize=4)
def cached_network(function, arguments):
    return shapes_only(MODELS[function].build, **dict(arguments))


def layers_of(model):
    return [layer for layer in model.layers if layer.weights]


def weight_name(layer, weight):
    """``fc.kernel``, or ``conv2_1_se.reduce.bias`` in a layer made of others."""
    parts = weight.path.split("/")
    return ".".join(parts[parts.index(layer.name) :] if layer.name in parts else parts)


def misfit(model, row):
    """Why the model is no part of the file's network; ``None`` if it is."""
    theirs = {layer.name: layer for layer in layers_of(network_of(row))}
    published = f"{row.name}, which is published for {call(row)}"
    for layer in layers_of(model):
        if layer.name not in theirs:
            return f"{layer.name} has no weights in {published}."
        twin = theirs[layer.name]
        ours, others = ([tuple(w.shape) for w in x.weights] for x in (layer, twin))
        for weight, shape in zip(layer.weights, others, strict=False):
            if tuple(weight.shape) != shape:
                return (
                    f"{weight_name(layer, weight)} has shape {tuple(weight.shape)} in "
                    f"the model and {shape} in {published}. "
                    f"{advice(weight.shape, shape)}"
                )
        if len(ours) != len(others):
            return (
                f"{layer.name} has weights of shapes {ours} in the model and {others} "
                f"in {published}. Build the model so."
            )
        for setting in SETTINGS:
            mine, other = (getattr(x, setting, None) for x in (layer, twin))
            if mine != other:
                return (
                    f"{layer.name} has {setting}={mine} in the model and "
                    f"{setting}={other} in {published}."
                )
    return None


def advice(ours, published):
    """What to do where a weight has another shape than the published one."""
    if len(published) == 4 and (ours[2], published[2]) == (1, 3):
        return (
            "It was trained on colours: build the model for 3 channels, and give grey "
            "images three by np.repeat(images, 3, axis=-1)."
        )
    return "Build the model so, or with classes=None and a classifier of your own."


def call(row):
    given = ", ".join(f"{key}={value}" for key, value in row.arguments.items())
    return f"{row.model}({given})"


def fitting(model, rows):
    """The rows whose network the model is, or a part of.

    Raises:
        ValueError: none; says what differs from the first.
    """
    problems = {}  # files for the same network differ from the model in the same way
    for row in rows:
        if call(row) not in problems:
            problems[call(row)] = misfit(model, row)
    found = [row for row in rows if problems[call(row)] is None]
    if not found:
        first, *others = problems
        text = problems[first]
        if others:
            text += f" Files are also published for {', '.join(others)}."
        raise ValueError(text)
    return found


# What a file holds, as {layer of the file: arrays in the layout of Keras} -------------


def keras_modules(content, row):
    """Layers in the order of keras.applications, which is how Keras reads its files.

    Names in the published files are those of many versions of Keras; only the order
    has always been the same. Layers that Keras numbers itself become ``conv2d:0``,
    ``conv2d:1``, ... in the order of their numbers.
    """
    function, arguments = row.network
    network = shapes_only(
        getattr(keras.applications, function), weights=None, **arguments
    )
    layers = layers_of(network)
    if len(layers) != len(content):
        raise ValueError(
            f"keras.applications.{function} has {len(layers)} layers with weights, the "
            f"file has {len(content)}."
        )
    modules = {}
    for layer, (stored, arrays) in zip(layers, content, strict=True):
        if isinstance(layer, keras.layers.Normalization):
            continue  # of pixels: `preprocess` does it
        ours = [tuple(weight.shape) for weight in layer.weights]
        found = [array.shape for array in arrays]
        if found != ours:
            raise ValueError(
                f"{layer.name} of keras.applications.{function} has weights of shapes "
                f"{ours}, {stored} in the file {found}."
            )
        if isinstance(layer, keras.layers.BatchNormalization) and layer.gamma is None:
            arrays = [np.ones_like(arrays[0]), *arrays]
        modules[layer.name] = arrays
    return {**modules, **by_rank(modules)}


def by_rank(modules):
    numbers = {"conv2d": {}, "batch_normalization": {}}
    for name, arrays in modules.items():
        if match := re.fullmatch(r"(conv2d|batch_normalization)(?:_(\d+))?", name):
            numbers[match[1]][int(match[2] or 0)] = arrays
    return {
        f"{kind}:{rank}": arrays
        for kind, found in numbers.items()
        for rank, (_, arrays) in enumerate(sorted(found.items()))
    }


PREFIXES = ("module.", "_orig_mod.", "model.", "net.")


def without_prefix(content):
    """The state dict without what DataParallel, torch.compile or a trainer put before
    every name."""
    while content:
        common = [p for p in PREFIXES if all(name.startswith(p) for name in content)]
        if not common:
            break
        content = {name.removeprefix(common[0]): x for name, x in content.items()}
    return content


ORDER = ("weight", "bias", "running_mean", "running_var")


def torch_modules(content, row):
    """Tensors of a state dict by module; kernels from OIHW to HWIO."""
    flattened = {named(row, layer)[0]: size for layer, size in row.flattened.items()}
    modules = {}
    for name, array in without_prefix(content).items():
        # DenseNets saved before torch 0.4 have norm.1 for norm1.
        name = re.sub(r"(denselayer\d+\.(?:norm|conv))\.(?=\d)", r"\1", name)
        module, _, kind = name.rpartition(".")
        if kind == "num_batches_tracked":
            continue
        if kind not in ORDER:
            raise ValueError(f"{name} is no weight of a layer known here.")
        if array.ndim == 2 and module in flattened:
            array = array.reshape(len(array), *flattened[module])
            array = array.transpose(2, 3, 1, 0).reshape(-1, len(array))
        elif array.ndim == 2:
            array = array.T
        elif array.ndim == 4:
            array = array.transpose(2, 3, 1, 0)
        modules.setdefault(module, {})[kind] = array
    return {
        module: [found[kind] for kind in ORDER if kind in found]
        for module, found in modules.items()
    }


def tfjs_modules(content, row):
    order = ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")
    modules = {}
    for name, array in content.items():
        module, _, kind = name.rpartition("/")
        modules.setdefault(module, {})[kind] = array
    return {
        module: [found[kind] for kind in order if kind in found]
        for module, found in modules.items()
    }


def flax_modules(content, row):
    """Kernels and biases are in the layout of Keras; other networks are left out."""
    modules = {}
    for name, array in content.items():
        network, module, kind = name.split(".")
        if network.startswith(("AlexNet", "VGG16")):
            modules.setdefault(module, {})[kind] = array
    return {
        module: [found[kind] for kind in ("kernel", "bias")]
        for module, found in modules.items()
    }


def torchscript_modules(content, row):
    """Convolutions in the order of the file; each has its normalization in it."""
    modules = {}
    for name, array in content.items():
        module, _, kind = name.rpartition(".")
        modules.setdefault(module, {})[kind] = array
    found = {}
    for rank, each in enumerate(modules.values()):
        norm = [np.ones_like(each["beta"]), each["beta"], each["mean"], each["var"]]
        found[f"conv2d:{rank}"] = [each["weight"].transpose(2, 3, 1, 0)]
        found[f"batch_normalization:{rank}"] = norm
    return found


def tflite_modules(content, row):
    """Kernels from (filters, height, width, channels) to HWIO.

    The normalization is in the kernel and the bias already. Ours, of mean 0, variance 1
    and a gain that makes up for the number added to the variance, adds the bias alone.
    The classifier has 1001 classes; class 0, none of the others, is left out.
    """
    (epsilon,) = {
        layer.epsilon
        for layer in layers_of(network_of(row))
        if isinstance(layer, keras.layers.BatchNormalization)
    }
    modules = {}
    for name, array in content.items():
        module, kind = name.split("/")[-2:]
        if kind.endswith("bias"):
            ones, zeros = np.ones_like(array), np.zeros_like(array)
            gain = np.float32(np.sqrt(1 + epsilon)) * ones
            modules[f"{module}.norm"] = [gain, array, zeros, ones]
        else:
            modules[module] = [array.transpose(1, 2, 3, 0)]
    if "Conv2d_1c_1x1" in modules:
        (kernel,) = modules["Conv2d_1c_1x1"]
        bias = modules.pop("Conv2d_1c_1x1.norm")[1]
        modules["Conv2d_1c_1x1"] = [kernel[..., 1:], bias[1:]]
    return modules


MODULES = {
    "keras": keras_modules,
    "torch": torch_modules,
    "module": torch_modules,
    "tfjs": tfjs_modules,
    "tflite": tflite_modules,
    "flax": flax_modules,
    "torchscript": torchscript_modules,
}


def named(row, layer):
    """The names in the file of a layer of ours."""
    naming = row.naming
    names = naming[layer] if isinstance(naming, dict) else naming(layer)
    return (names,) if isinstance(names, str) else names


def arrays_of(modules, name):
    """The arrays of a layer in the file; ``"name.1"`` is one of them."""
    layer, _, index = name.rpartition(".")
    if name not in modules and index.isdigit() and layer in modules:
        return modules[layer][int(index) :][:1]
    return modules.get(name, [])


def match(model, row, modules, path):
    """[(weight of the model, its array), ...], all of them, all of the right shape.

    A bias before a normalization shifts the mean that the normalization takes away. So
    where the published convolutions have one and ours have none, the moving mean
    becomes smaller by it.

    Raises:
        ValueError: a weight has no array, or one of another shape, or the file has
            layers that the published network has not.
    """
    pairs, biases = [], {}
    for layer in layers_of(model):
        names = named(row, layer.name)
        arrays = [array for name in names for array in arrays_of(modules, name)]
        if row.biases and layer.name != "fc" and len(arrays) == 2:
            biases[f"{layer.name}_bn"] = arrays.pop()
        if layer.name in biases:
            arrays[2] = arrays[2] - biases.pop(layer.name)  # of the moving mean
        if row.epsilon and isinstance(layer, keras.layers.BatchNormalization):
            arrays[0] = regained(arrays, layer.epsilon, row.epsilon)
        if row.turned:
            arrays = [x[::-1, ::-1] if x.ndim == 4 else x for x in arrays]
        if len(arrays) != len(layer.weights):
            raise ValueError(
                f"{layer.name} has {len(layer.weights)} weights, {path.name} has "
                f"{len(arrays)} for it, under {' and '.join(names)}."
            )
        for weight, array in zip(layer.weights, arrays, strict=True):
            pairs.append((weight, fit(layer, weight, array, names, path)))
    if biases:
        raise ValueError(
            f"{', '.join(biases)} must be in the model: it absorbs the bias that "
            f"{path.name} has before it."
        )
    left = unknown(row, modules)
    if left:
        raise ValueError(
            f"{path.name} has weights that {call(row)} has not: {', '.join(left)}."
        )
    return pairs


def regained(arrays, ours, theirs):
    """The gain with which a normalization that adds another number gives the same."""
    gain, _, _, variance = arrays
    return gain * np.sqrt((variance + ours) / (variance + theirs))


def fit(layer, weight, array, names, path):
    """The array in the shape of the weight; 1x1 kernels may belong to a dense layer."""
    target = tuple(weight.shape)
    if isinstance(layer, keras.layers.DepthwiseConv2D) and array.ndim == 4:
        if array.shape != target:
            array = array.swapaxes(2, 3)
    elif array.ndim == 4 and len(target) == 2 and array.shape[:2] == (1, 1):
        array = array[0, 0]
    if array.shape != target:
        raise ValueError(
            f"{weight_name(layer, weight)} has shape {target} in the model, and "
            f"{array.shape} in {path.name}, under {' and '.join(names)}."
        )
    return array


def unknown(row, modules):
    """Layers of the file that no layer of the published network takes."""
    taken = {
        id(array)
        for layer in layers_of(network_of(row))
        for name in named(row, layer.name)
        for array in arrays_of(modules, name)
    }
    return [
        name
        for name, arrays in modules.items()
        if any(id(array) not in taken for array in arrays)
    ]
