"""Photographs that travel with the package and with matplotlib.

``chelsea.jpg`` and ``coffee.jpg`` were made from ``chelsea.png`` and ``coffee.png`` of
scikit-image 0.26, scaled to 300 rows and saved as JPEG of quality 88. Both are CC0, as
the docstrings of ``skimage.data`` say: Chelsea the cat by Stefan van der Walt, the cup
of coffee by Rachel Michetti, courtesy of Pikolo Espresso Bar. See ``LICENSE-PHOTOS``.
"""

from pathlib import Path

import numpy as np

__all__ = ["photograph"]

FOLDER = Path(__file__).parent
NAMES = ("grace_hopper", "chelsea", "coffee")


def photograph(name="grace_hopper", size=None):
    """A real colour photograph; none of them needs a network.

    - ``"grace_hopper"``: Grace Hopper in uniform (US Navy, public domain), 600 x 512.
      It travels with matplotlib.
    - ``"chelsea"``: the face of a cat (Stefan van der Walt, CC0), 300 x 451.
    - ``"coffee"``: a cup of coffee on a table (Rachel Michetti, CC0), 300 x 450.

    Decoders of JPEG may differ by a grey level, so do not compare pixels exactly across
    machines.

    Args:
        name: ``"grace_hopper"``, ``"chelsea"`` or ``"coffee"``.
        size: ``None`` for the original, or the side of the centred square to scale to.

    Returns:
        uint8 array of shape (height, width, 3), or (size, size, 3).

    Raises:
        ValueError: no photograph of that name, or size is not a whole number from 1 on.

    Example:
        >>> photograph().shape, photograph("chelsea").shape
        ((600, 512, 3), (300, 451, 3))
        >>> photograph("coffee", size=64).shape
        (64, 64, 3)
    """
    from matplotlib.cbook import get_sample_data
    from PIL import Image

    if name not in NAMES:
        raise ValueError(
            f"A photograph must be one of {', '.join(NAMES)}. Received: name={name!r}"
        )
    if size is not None and not (is_whole(size) and size >= 1):
        raise ValueError(
            f"size must be None or a whole number from 1 on. Received: size={size!r}"
        )
    own = FOLDER / f"{name}.jpg"
    path = own if own.exists() else get_sample_data(f"{name}.jpg", asfileobj=False)
    with Image.open(path) as image:
        if size is not None:
            width, height = image.size
            side = min(width, height)
            left, top = (width - side) // 2, (height - side) // 2
            box = (left, top, left + side, top + side)
            image = image.resize((size, size), Image.Resampling.BICUBIC, box=box)
        return np.array(image)


def is_whole(number):
    return isinstance(number, (int, np.integer)) and not isinstance(number, bool)
