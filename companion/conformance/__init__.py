"""What layers, blocks and models of the course must do: our tests, and your grader.

`check_layer`, `check_block`, `check_model` and `check_function` run small checks in
order. The first one that fails raises a `ConformanceError`, an `AssertionError` that
names the check, what was observed and the mistake usually behind it, but not the
answer. `report_layer` and its sisters run them all and return a `Report`; `isolated`
does so in a process of its own, with limits of time and memory.

All of them draw their numbers from one seed, so that a check that passed passes again.
They leave the caller's random states and Keras' settings as they find them. Code that
changes such a state fails "global_state". What cannot be judged, because the reference
itself raises or a package is missing, is no failure: it raises `NotJudged`.
"""

import lazy_loader

__getattr__, __dir__, _ = lazy_loader.attach_stub(__name__, __file__)

__all__ = [
    "BLOCK_CHECKS",
    "FUNCTION_CHECKS",
    "LAYER_CHECKS",
    "MODEL_CHECKS",
    "ConformanceError",
    "NotJudged",
    "Report",
    "Result",
    "check_block",
    "check_budget",
    "check_function",
    "check_layer",
    "check_model",
    "isolated",
    "load_submission",
    "report_block",
    "report_function",
    "report_layer",
    "report_model",
]
