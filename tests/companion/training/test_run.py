import csv
import os
import signal
import socket
import subprocess
import sys
import time

import keras
import pytest

from companion import data, models
from companion.training import Recipe, family_network, train
from companion.training.__main__ import find, main

RECIPE = Recipe(epochs=3, batch=50, rate=0.05, warmup=1)


@pytest.fixture(scope="module")
def clothes():
    return data.load("fashion_mnist", train=400, test=100)


def build():
    return models.LeNet5Modern(input_shape=(28, 28, 1))


def results(rows):
    """What must be equal in two runs: all but the seconds."""
    return [{k: v for k, v in row.items() if "seconds" not in k} for row in rows]


class Stop(Exception):
    pass


def test_a_stopped_run_ends_like_one_that_was_not(clothes, tmp_path, monkeypatch):
    _, whole = train(build, clothes, RECIPE, seed=4, verbose=0)
    fit = keras.Model.fit
    calls = []

    def stop_in_the_second_epoch(*args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            raise Stop
        return fit(*args, **kwargs)

    monkeypatch.setattr(keras.Model, "fit", stop_in_the_second_epoch)
    with pytest.raises(Stop):
        train(build, clothes, RECIPE, seed=4, folder=tmp_path, verbose=0)
    network, rows = train(build, clothes, RECIPE, seed=4, folder=tmp_path, verbose=0)
    assert results(rows) == results(whole)
    assert int(network.optimizer.iterations) == 3 * 8
    with (tmp_path / "log.csv").open() as lines:
        assert [int(row["epoch"]) for row in csv.DictReader(lines)] == [1, 2, 3]
    assert len(calls) == 4  # one epoch was kept, one repeated, one left


def test_a_log_that_is_ahead_of_its_checkpoint_is_cut(clothes, tmp_path):
    recipe = Recipe(epochs=1, batch=50, warmup=0)
    train(build, clothes, recipe, folder=tmp_path, verbose=0)
    log = tmp_path / "log.csv"
    log.write_text(log.read_text() + "2,9,9,9,9,9\n")
    _, rows = train(build, clothes, recipe, folder=tmp_path, verbose=0)
    assert len(rows) == 1


def test_the_folder_of_another_run_is_refused(clothes, tmp_path):
    recipe = Recipe(epochs=1, batch=50, warmup=0)
    train(build, clothes, recipe, folder=tmp_path, verbose=0)
    with pytest.raises(ValueError, match="belongs to another run"):
        train(build, clothes, recipe, seed=1, folder=tmp_path, verbose=0)


def test_training_lowers_the_error(clothes):
    recipe = Recipe(epochs=6, batch=20, rate=0.03, augment=False)
    _, rows = train(build, clothes, recipe, verbose=0)
    assert rows[-1]["training error"] < 0.35 < rows[0]["training error"]


def test_probabilities_and_logits_train_alike(clothes):
    recipe = Recipe(epochs=1, batch=50, warmup=0)

    def logits():
        return models.LeNet5Modern(input_shape=(28, 28, 1), classifier_activation=None)

    _, a = train(build, clothes, recipe, verbose=0)
    _, b = train(logits, clothes, recipe, verbose=0)
    assert a[0]["loss"] == pytest.approx(b[0]["loss"], abs=2e-4)


def test_names_are_found_in_any_case():
    assert find("resnet20") is models.ResNet20
    assert find("squeezenet1_1") is models.SqueezeNet1_1
    own, wanted = find("family:mobilenet-v2")(), family_network("MobileNetV2")
    assert own.count_params() == wanted.count_params()
    with pytest.raises(ValueError, match="similar are"):
        find("resnet-2")


def test_the_command_trains_in_mixed_precision(tmp_path, capsys):
    words = "lenet5modern --data fashion_mnist --train 100 --test 20 --epochs 1"
    words += f" --batch 50 --warmup 0 --mixed bfloat16 --folder {tmp_path}"
    try:
        rows = main(words.split())
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert rows[0]["epoch"] == 1
    assert "log.csv" in capsys.readouterr().out
    network = keras.models.load_model(tmp_path / "last.keras")
    assert network.layers[1].compute_dtype == "bfloat16"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command(folder, *words):
    line = (
        "lenet5modern --data fashion_mnist --train 64 --test 16 --epochs 2 --batch 16"
    )
    line += f" --warmup 0 --rate 0.02 --folder {folder}"
    return subprocess.Popen(
        [sys.executable, "-m", "companion.training", *line.split(), *words],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def logged(folder):
    with (folder / "log.csv").open() as lines:
        return [
            (float(row["loss"]), row["test error"]) for row in csv.DictReader(lines)
        ]


def test_two_processes_have_the_losses_of_one(tmp_path):
    address = f"127.0.0.1:{free_port()}"
    several = ["--distribute", address, "--processes", "2", "--process"]
    runs = [
        command(tmp_path / "one"),
        command(tmp_path / "two", *several, "0"),
        command(tmp_path / "two", *several, "1"),
    ]
    deadline = time.monotonic() + 300
    for run in runs:
        try:
            output, _ = run.communicate(timeout=deadline - time.monotonic())
        except subprocess.TimeoutExpired:
            for each in runs:
                each.send_signal(signal.SIGKILL)
            raise
        assert run.returncode == 0, output
    one = logged(tmp_path / "one")
    for process in "process0", "process1":
        two = logged(tmp_path / "two" / process)
        assert [loss for loss, _ in two] == pytest.approx(
            [loss for loss, _ in one], abs=2e-4
        )
        assert [error for _, error in two] == [error for _, error in one]
