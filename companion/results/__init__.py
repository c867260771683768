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


def compare(*families):
    """Rows of the shared benchmark: networks that differ in their blocks only.

    The networks are those of ``companion.training.family_network``: one skeleton, about
    80,000 parameters each; ``load("shared_benchmark")`` has the recipe in its command,
    and the log of every run.

    Args:
        *families: names of families, in the order of the rows; none means all.

    Returns:
        A pandas DataFrame, ready to read: parameters, multiply-adds, the mean over the
        seeds of the test error after the last epoch, the smallest and the largest of
        them, and processor seconds of one training.

    Raises:
        ValueError: if there is no such family.

    Example:

    >>> list(compare("plain", "ResNet").index)
    ['plain', 'ResNet']
    """
    import pandas as pd

    known = load("shared_benchmark")["families"]
    if unknown := [name for name in families if name not in known]:
        raise ValueError(f"A family is one of {', '.join(known)}. Received: {unknown}")
    rows = {}
    for name in families or known:
        row = known[name]
        errors = [run[-1]["test error"] for run in row["runs"].values()]
        seconds = [sum(e["cpu seconds"] for e in run) for run in row["runs"].values()]
        rows[name] = {
            "parameters": f"{row['parameters']:,d}",
            "multiply-adds": f"{row['multiply-adds']:,d}",
            "test error": f"{sum(errors) / len(errors):.1%}",
            "over the seeds": f"{min(errors):.1%} to {max(errors):.1%}",
            "CPU seconds": f"{sum(seconds) / len(seconds):.0f}",
        }
    return pd.DataFrame.from_dict(rows, orient="index")


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
