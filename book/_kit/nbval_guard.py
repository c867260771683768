"""Pytest plugin beside nbval: prove that outputs were compared, and in time.

nbval passes a cell that was never executed, a cell whose tag turns the comparison off,
and a notebook that takes an hour. Load this plugin with `-p book._kit.nbval_guard` and
each of these fails, on the last cell of its notebook.
"""

import time

import pytest

from book._kit.guards import chapter_problems, expected_comparisons
from book._kit.twins import CHAPTER_SECONDS, SLACK


class Guard:
    def __init__(self):
        self.compared = {}
        self.started = {}

    def pytest_collection_modifyitems(self, items):
        from nbval.plugin import IPyNbCell

        compare = IPyNbCell.compare_outputs

        def counting(cell, test, reference, **options):
            if reference:
                path = cell.parent.path
                self.compared[path] = self.compared.get(path, 0) + 1
            return compare(cell, test, reference, **options)

        IPyNbCell.compare_outputs = counting

    def pytest_runtest_setup(self, item):
        self.started.setdefault(item.parent.path, time.monotonic())

    @pytest.hookimpl(trylast=True)  # after pytest's own: the next notebook starts clean
    def pytest_runtest_teardown(self, item, nextitem):
        path = item.parent.path
        if path.suffix != ".ipynb" or (nextitem and nextitem.parent.path == path):
            return
        problems = chapter_problems(path)
        compared, expected = self.compared.get(path, 0), expected_comparisons(path)
        if compared < expected:
            problems.append(
                f"{expected} cells print and declare no exception, but the outputs of "
                f"{compared} were compared"
            )
        seconds = time.monotonic() - self.started[path]
        if seconds > CHAPTER_SECONDS * SLACK:
            problems.append(f"it took {seconds:.0f} s (limit {CHAPTER_SECONDS} s)")
        if problems:
            pytest.fail(f"{path.name}: " + "; ".join(problems), pytrace=False)


def pytest_configure(config):
    config.pluginmanager.register(Guard())
