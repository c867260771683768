"""What took too long for a chapter: trainings and timings, kept as they came out.

Each JSON file beside this one is the output of one script in ``benchmarks/``. It holds
the command that wrote it, the versions it ran with, and its numbers.
"""

import json
from pathlib import Path

FOLDER = Path(__file__).parent


def names():
    """The names that ``load`` knows, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def load(name):
    """The record of one long run.

    Args:
        name: Name of the run.

    Returns:
        A dictionary with at least ``command``, the command line that made the record.

    Raises:
        ValueError: if there is no record of that name.

    Example:

    >>> load("import_time")["command"]
    'python benchmarks/import_time.py'
    """
    if name not in names():
        raise ValueError(
            f"A result must be one of {', '.join(names())}. Received: name={name!r}"
        )
    return json.loads((FOLDER / f"{name}.json").read_text("utf8"))


def seen(network, photograph="chelsea"):
    """What a network with published weights sees in a photograph, from the record.

    Classes with probabilities, an occlusion map, the filters of the first layer and
    some feature maps. ``pretrained.see`` computes the same where the weights can be
    had.

    Args:
        network: ``"AlexNetOneTower"``, ``"InceptionV3"``, ``"MobileNetV1"``,
            ``"MobileNetV2"``, ``"ResNet50"``, ``"ResNet56Projection"`` or ``"VGG16"``.
        photograph: ``"chelsea"`` or ``"coffee"``.

    Returns:
        A ``companion.results.photographs.Seen``, whose fields are ``image``, ``top``,
        ``occlusion``, ``filters``, ``maps``, ``channels`` and ``weights``.

    Raises:
        ValueError: if there is no record of that network or photograph.

    Example:

    >>> cat = seen("ResNet50")
    >>> cat.filters.shape, cat.occlusion.shape
    ((7, 7, 3, 64), (14, 14))
    >>> cat.top[0][0]
    'Egyptian_cat'
    """
    from companion.results.photographs import read

    return read(network, photograph)
