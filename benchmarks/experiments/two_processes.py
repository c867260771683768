"""Do two processes, each with half of every batch, train like one with all of it?

Runs `python -m companion.training` on JAX's CPU backend, once in one process and once
in two that Keras' distribution connects, for a network without batch normalization and
for one with it. The control gives the one process half the batch.

    python benchmarks/experiments/two_processes.py           five minutes of two cores

writes `companion/results/two_processes.json`: loss and errors of every epoch, in each
process.
"""

import csv
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from miniature import finish, options, record

MODELS = ("lenet5modern", "family:resnet")
BATCH = 32
LINE = "--data fashion_mnist --train 1024 --test 256 --warmup 0 --rate 0.02"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(words):
    return subprocess.Popen(
        [sys.executable, "-m", "companion.training", *words],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
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


def train(model, processes, batch, epochs, seed, patience=900):
    """The log of each process."""
    with tempfile.TemporaryDirectory() as folder:
        words = [model, *LINE.split(), "--batch", str(batch), "--epochs", str(epochs)]
        words += ["--seed", str(seed), "--folder", folder]
        address = f"127.0.0.1:{free_port()}"
        several = ["--distribute", address, "--processes", str(processes), "--process"]
        runs = [
            start([*words, *several, str(number)] if processes > 1 else words)
            for number in range(processes)
        ]
        deadline = time.monotonic() + patience
        for run in runs:
            try:
                _, complaint = run.communicate(timeout=deadline - time.monotonic())
            except subprocess.TimeoutExpired:
                for each in runs:
                    each.send_signal(signal.SIGKILL)
                raise
            if run.returncode:
                raise RuntimeError(complaint)
        folder = Path(folder)
        folders = [folder / f"process{number}" for number in range(processes)]
        logs = [rows(each) for each in (folders if processes > 1 else [folder])]
    return {
        "model": model,
        "processes": processes,
        "batch": batch,
        "seed": seed,
        "logs": logs,
    }


def main():
    chosen = options(__doc__, epochs=3, seeds=(0, 1, 2))
    tasks = [
        (model, processes, batch, chosen.epochs, seed)
        for model in MODELS
        for processes, batch in ((1, BATCH), (2, BATCH), (1, BATCH // 2))
        for seed in chosen.seeds
    ]
    record(
        chosen,
        indent=None,
        line=f"python -m companion.training MODEL {LINE} --batch {BATCH}",
        runs=finish(chosen, tasks, train),
    )


if __name__ == "__main__":
    main()
