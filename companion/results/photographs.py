"""What trained networks see in a photograph, as ``benchmarks/see_it.py`` recorded it.

Numbers of layers are in ``see_it.npz`` beside ``see_it.json``: filters as whole numbers
of -127 to 127, feature maps as grey levels.
"""

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

__all__ = ["Seen", "read"]

FOLDER = Path(__file__).parent


class Seen(NamedTuple):
    """One photograph in one network.

    Args:
        network: name of the function in ``companion.models``.
        weights: the published file, and where it differs from the paper's network.
        image: the pixels that the network was given, before their normalization:
            uint8, ``(side, side, 3)``.
        top: ``[(class, probability), ...]``, the five most probable first; empty for a
            network without a classifier.
        occlusion: matrix of the probability of the first class while a grey square
            hides the place, or ``None``.
        filters: kernel of the first convolution, ``(height, width, 3, filters)``, red
            first.
        maps: ``{layer: array}``, grey levels of 0 to 255, ``(height, width, n)``: the
            n channels of the layer with the largest mean, each stretched to the whole
            range; large maps are averaged over squares first.
        channels: ``{layer: [index, ...]}``, which channels these are.
    """

    network: str
    weights: str
    image: np.ndarray
    top: list
    occlusion: np.ndarray | None
    filters: np.ndarray
    maps: dict
    channels: dict

    def __repr__(self):
        layers = ", ".join(
            f"{layer} {'x'.join(map(str, array.shape))}"
            for layer, array in self.maps.items()
        )
        first = ", ".join(f"{name} {chance:.2f}" for name, chance in self.top[:2])
        parts = [f"{self.network} at {self.image.shape[0]} pixels", first, layers]
        return "; ".join(part for part in parts if part)


def read(network, photograph):
    """The record of `companion.results.seen`."""
    from companion import data

    record = json.loads((FOLDER / "see_it.json").read_text("utf8"))
    networks = record["networks"]
    if network not in networks:
        raise ValueError(
            f"A network must be one of {', '.join(networks)}. "
            f"Received: network={network!r}"
        )
    known = networks[network]["photographs"]
    if photograph not in known:
        raise ValueError(
            f"A photograph must be one of {', '.join(known)}. "
            f"Received: photograph={photograph!r}"
        )
    row = known[photograph]
    packed = FOLDER / "see_it.npz"
    content = packed.read_bytes()
    if hashlib.sha256(content).hexdigest() != record["arrays_sha256"]:
        raise ValueError(f"{packed} is not that of see_it.json")
    with np.load(packed) as arrays:
        filters = arrays[f"{network}/filters"] * np.float32(networks[network]["unit"])
        maps = {
            layer: arrays[f"{network}/{photograph}/{layer}"]
            for layer in row["channels"]
        }
    occlusion = row["occlusion"]
    return Seen(
        network=network,
        weights=networks[network]["weights"],
        image=cropped(data.photograph(photograph), networks[network]["side"]),
        top=[tuple(pair) for pair in row["top"]],
        occlusion=None if occlusion is None else np.array(occlusion),
        filters=filters,
        maps=maps,
        channels=row["channels"],
    )


def cropped(image, side):
    """The centre as ``pretrained.preprocess`` cuts it: 7 of 8 parts of the height."""
    from PIL import Image

    rows, columns = image.shape[:2]
    scale = max(side / rows, side / columns) * 8 / 7
    size = round(columns * scale), round(rows * scale)
    scaled = Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    return np.array(scaled.crop((left, top, left + side, top + side)))
