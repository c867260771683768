"""Submissions that end, fill or block their process, each in one of its own."""

import os
import sys
import textwrap
from pathlib import Path

import keras
import numpy as np
import pytest

from companion.conformance import isolated, load_submission, report_layer

sys.path.append(str(Path(__file__).parent))
from isolated_grader import grade

SUBMISSION = """
import os, sys, time
import keras

{before}

@keras.saving.register_keras_serializable(package="course")
class MyLayer(keras.layers.Layer):
    def build(self, input_shape):
        self.scale = self.add_weight(shape=input_shape[-1:], initializer="ones")

    def call(self, inputs):
        {body}
        return inputs * self.scale

    def compute_output_shape(self, input_shape):
        return input_shape
"""


@pytest.fixture
def submit(tmp_path):
    def write(body="pass", before=""):
        file = tmp_path / "answer.py"
        body = textwrap.indent(body, " " * 8).lstrip()
        file.write_text(SUBMISSION.format(before=before, body=body))
        return str(file)

    return write


def test_a_right_layer_passes(submit):
    report = isolated(grade, submit())
    assert [(result.check, result.passed) for result in report.results] == [
        ("runs", True),
        ("symbolic", True),
        ("reference", True),
        ("global_state", True),
    ]


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        ("os._exit(0)", "process", "exit code 0"),
        ("while True: pass", "time", "after 5 seconds. It was in the check `runs`"),
        ("os.abort()", "process", "SIGABRT"),
        ("sys.exit(0)", "runs", "tried to end the program"),
    ],
)
def test_a_process_that_does_not_come_back(submit, body, kind, said):
    report = isolated(grade, submit(body), seconds=5)
    assert [result.check for result in report.failures] == [kind]
    assert said in report[kind].observed


def test_a_process_that_takes_all_memory(submit):
    report = isolated(grade, submit("x = bytearray(2**31)"), mebibytes=1024)
    stopped = "MemoryError" in report["runs"].observed
    assert stopped == (sys.platform == "linux")


def test_a_file_that_cannot_be_read_as_python(submit):
    report = isolated(grade, submit(before="this is no Python"))
    assert "SyntaxError" in report["process"].observed


def test_the_caller_is_not_touched(submit, capfd):
    change = 'keras.config.set_dtype_policy("mixed_float16"); print("secret")'
    np.random.seed(5)
    before = np.random.get_state()[1].tolist()
    report = isolated(grade, submit(before=change + '\nos.environ["GRADE"] = "A"'))
    assert report["runs"].passed
    assert keras.config.dtype_policy().name == "float32"
    assert "GRADE" not in os.environ
    assert np.random.get_state()[1].tolist() == before
    assert "secret" not in capfd.readouterr().out


def test_two_submissions_of_one_name_are_two_modules(tmp_path):
    modules = []
    for answer in ("1", "2"):
        folder = tmp_path / answer
        folder.mkdir()
        (folder / "mine.py").write_text(f"answer = {answer}")
        modules.append(load_submission(folder / "mine.py"))
    assert [module.answer for module in modules] == [1, 2]


def test_wrong_arguments_are_refused(tmp_path):
    with pytest.raises(ValueError, match="Received: file="):
        load_submission(tmp_path / "none.py")
    with pytest.raises(ValueError, match="Received: seconds=0"):
        isolated(report_layer, seconds=0)
    with pytest.raises(ValueError, match="Received: mebibytes=-1"):
        isolated(report_layer, mebibytes=-1)
