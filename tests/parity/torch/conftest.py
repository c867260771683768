"""Weights of an independent torch network, copied into a companion model.

The tests of this folder need the optional environment of `make test-parity` (torch,
torchvision, timm, pytorchcv); without torch nothing here is collected. Nothing is
downloaded: every network starts from random weights.

A test names the torch module that each Keras layer corresponds to. Copying fails if a
layer has no module, or if a module with weights is left over.
"""

import importlib.util
import re
from pathlib import Path

import keras
import numpy as np
import pytest

if importlib.util.find_spec("torch") is None:
    collect_ignore_glob = ["*"]
else:
    import torch

    SEED = 1512


def declare_operators():
    """Let `import torchvision` pass where its compiled operators cannot be loaded.

    The wheel on the package registry is built for CUDA. Its Python models work with
    any torch; only the names of the compiled operators must exist at import.
    """
    folder = Path(importlib.util.find_spec("torchvision").origin).parent
    source = (folder / "_meta_registrations.py").read_text()
    names = set(re.findall(r"register_meta\(\"(\w+)\"", source))
    names |= set(re.findall(r"torchvision::(\w+)", source)) | {"nms"}
    library = torch.library.Library("torchvision", "DEF")
    for name in sorted(names):
        library.define(f"{name}(Tensor x) -> Tensor")
    return library


if importlib.util.find_spec("torchvision") and importlib.util.find_spec("torch"):
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        OPERATORS = declare_operators()  # gone with the last reference to it


def image_batch(size, channels=3, count=2):
    """Different images, channels last; values of both signs."""
    shape = (count, size, size, channels)
    return np.random.default_rng(SEED).normal(size=shape).astype("float32")


def channels_first(images):
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def scatter(network, size, channels):
    """Random weights, and random batch-norm statistics of a plausible size.

    Each normalization takes the statistics of what reaches it, moved at random, before
    it passes on anything. So activations neither vanish nor explode in a deep network,
    and the gates of squeeze and excitation stay between 0 and 1.
    """
    generator = torch.Generator().manual_seed(SEED)

    def uniform(tensor, low, high):
        return torch.empty_like(tensor).uniform_(low, high, generator=generator)

    def settle(norm, inputs):
        variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3), correction=0)
        variance += 0.1 * variance.mean()  # a tiny divisor would magnify rounding
        norm.running_mean.copy_(mean + variance.sqrt() * uniform(mean, -0.3, 0.3))
        norm.running_var.copy_(variance * uniform(mean, 0.5, 1.5))

    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    network.train()
    with torch.no_grad():
        for module in network.modules():
            if getattr(module, "bias", None) is not None:
                module.bias.copy_(uniform(module.bias, -0.3, 0.3))
        for norm in norms:
            norm.weight.copy_(uniform(norm.weight, 0.5, 1.5))
            norm.eval()
        hooks = [norm.register_forward_pre_hook(settle) for norm in norms]
        network(channels_first(image_batch(size, channels, count=8)))
    for hook in hooks:
        hook.remove()
    return network.eval()


def weights_of(module, layer, flattened):
    """A torch module's tensors in the order and layout of `layer.get_weights()`."""
    tensors = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    if isinstance(module, torch.nn.BatchNorm2d):
        names = "weight", "bias", "running_mean", "running_var"
        return [tensors[name] for name in names if name in tensors]
    weight = tensors["weight"]
    if isinstance(module, torch.nn.LayerNorm):
        return [weight.ravel(), tensors["bias"].ravel()]
    if isinstance(module, torch.nn.Linear) and flattened:
        weight = weight.reshape(-1, *flattened).transpose(0, 2, 3, 1)
        weight = weight.reshape(len(weight), -1)
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        weight = weight.transpose(2, 3, 0, 1)
    elif weight.ndim == 4 and isinstance(layer, keras.layers.Dense):
        weight = weight[:, :, 0, 0].T
    elif weight.ndim == 4:
        weight = weight.transpose(2, 3, 1, 0)
    elif isinstance(layer, keras.layers.Dense):
        weight = weight.T
    else:
        weight = weight.T[None, None]
    return [weight] + ([tensors["bias"]] if "bias" in tensors else [])


@pytest.fixture
def double_precision():
    """Both networks compute in float64, if the model is built within the test.

    Statistics of a few values may have a deviation of a thousandth of their mean, and
    then a normalization amplifies rounding errors a thousandfold.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy(before)


@pytest.fixture(autouse=True)
def seeded():
    """The weights that a torch network starts from are the same in every run."""
    torch.manual_seed(SEED)


def parts_of(layer):
    """The sublayers with weights of a layer like `SqueezeExcite`, else itself."""
    inner = layer._flatten_layers(include_self=False)
    return [part for part in inner if part.weights] or [layer]


@pytest.fixture
def transplant():
    """Function `(network, model, path, flattened)`: torch weights into a Keras model.

    `path(layer_name)` is the dotted name of the torch module, or for a layer made of
    sublayers a tuple of names, one for each in their order; `flattened` maps the name
    of a dense layer that follows a flattening to the `(channels, height, width)` of the
    map, which torch flattens in this order and Keras in another.
    """

    def copy(network, model, path, flattened=None):
        scatter(network, model.input_shape[1] or 64, model.input_shape[-1])
        left = {
            name
            for name, module in network.named_modules()
            if list(module.parameters(recurse=False))
        }
        for layer in model.layers:
            if layer.weights:
                names = path(layer.name)
                names = (names,) if isinstance(names, str) else names
                for name, part in zip(names, parts_of(layer), strict=True):
                    module = network.get_submodule(name)
                    left.remove(name)
                    shape = (flattened or {}).get(layer.name)
                    part.set_weights(weights_of(module, part, shape))
        assert not left, f"not copied: {sorted(left)}"

    return copy


@pytest.fixture
def scattered():
    """Function `(network, size, channels)`: random weights, see `scatter`."""
    return scatter


@pytest.fixture
def difference():
    """Function `(network, model)`: largest difference over the largest logit."""

    def compare(network, model):
        images = image_batch(model.input_shape[1] or 64, model.input_shape[-1])
        images = images.astype(model.compute_dtype)
        network.to(torch.from_numpy(images).dtype)
        with torch.no_grad():
            expected = network.eval()(channels_first(images)).numpy()
        found = keras.ops.convert_to_numpy(model(images, training=False))
        assert expected.std() > 0.01, "the logits say nothing"
        assert np.abs(expected[0] - expected[1]).max() > 0.01, "images look alike"
        return np.abs(found - expected).max() / np.abs(expected).max()

    return compare
