"""Do two processes, each with half of every batch, train like one with all of it?

Runs `python -m companion.training` on JAX's CPU backend, once in one process and once
in two that Keras' distribution connects, for a network without batch normalization and
for one with it. The control is one process with half of the pictures and half of every
batch, for as many steps: what one of the two would do by itself.

    python benchmarks/experiments/two_processes.py           five minutes of two cores

writes `companion/results/two_processes.json`: loss and errors of every epoch, in each
process.
"""

import csv
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from miniature import finish, options, record

MODELS = ("lenet5modern", "family:resnet")
BATCH = 32
COMMANDS = """
import json, sys
from companion.training.__main__ import main
for words in json.loads(sys.argv[1]):
    main(words)
"""
TRAIN = 1024
LINE = "--data fashion_mnist --test 256 --warmup 0 --rate 0.02"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(lines, cache, complaints):
    """A process that runs the command with one list of words after the other."""
    return subprocess.Popen(
        [sys.executable, "-c", COMMANDS, json.dumps(lines)],
        env={
            **os.environ,
            "KERAS_BACKEND": "jax",
            "JAX_PLATFORMS": "cpu",
            "JAX_COMPILATION_CACHE_DIR": cache,
        },
        stdout=subprocess.DEVNULL,
        stderr=complaints,
    )


def rows(folder):
    """Loss and errors of every epoch."""
    with (folder / "log.csv").open(encoding="utf8") as lines:
        return [
            {
                name: float(row[name])
                for name in ("loss", "training error", "test error")
            }
            for row in csv.DictReader(lines)
        ]


def train(model, processes, batch, epochs, seeds, patience=1800):
    """For each seed, the log of each process."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        words = [model, *LINE.split(), "--batch", str(batch), "--epochs", str(epochs)]
        words += ["--processes", str(processes)]
        words += ["--train", str(TRAIN * batch // BATCH)]
        first = ["--distribute", f"127.0.0.1:{free_port()}"] if processes > 1 else []
        runs = []
        for number in range(processes):
            lines = [
                [*words, "--process", str(number), "--seed", str(seed)]
                + ["--folder", str(folder / str(seed))]
                for seed in seeds
            ]
            lines[0] += first  # processes are connected once
            with (folder / f"{number}.txt").open("w") as complaints:
                runs.append(start(lines, str(folder / "cache"), complaints))
        deadline = time.monotonic() + patience
        try:
            for number, run in enumerate(runs):
                if run.wait(deadline - time.monotonic()):
                    raise RuntimeError((folder / f"{number}.txt").read_text("utf8"))
        finally:
            for run in runs:
                run.kill()
        parts = [f"process{each}" for each in range(processes)]
        return [
            {
                "model": model,
                "processes": processes,
                "batch": batch,
                "seed": seed,
                "logs": [
                    rows(folder / str(seed) / part)
                    for part in (parts if processes > 1 else [""])
                ],
            }
            for seed in seeds
        ]


def main():
    chosen = options(__doc__, epochs=3, seeds=(0, 1, 2))
    tasks = [
        (model, processes, batch, chosen.epochs, list(chosen.seeds))
        for model in MODELS
        for processes, batch in ((1, BATCH), (2, BATCH), (1, BATCH // 2))
    ]
    found = finish(chosen, tasks, train)
    record(
        chosen,
        indent=None,
        line=f"python -m companion.training MODEL {LINE}",
        runs=[run for each in found for run in each],
    )


if __name__ == "__main__":
    main()
