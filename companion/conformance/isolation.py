"""A check in a process of its own, with limits of time and memory."""

import contextlib
import importlib.util
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

from companion.arguments import integer, number
from companion.conformance.report import WATCHERS, Report, Result, described

MEBIBYTE = 2**20
ENDED = "A check calls it like any function, and expects it to return."


def isolated(function, *arguments, seconds=60, mebibytes=4096):
    """Run a function that returns a `Report` in a process of its own.

    Whatever the code under test does to its process, ends it, fills it, changes its
    settings, the caller is not touched. What it prints is dropped. It is a protection
    from accidents, not from forgery: the checks and the code under test share the
    process, and nothing keeps the code from the files and the network of its user.

    On Linux and macOS the process is forked from a server that has imported Keras
    once: the first call takes as long as that import, the others a fraction of a second
    more than the checks themselves. Windows has no such server, and imports Keras anew
    each time. The limit of memory holds on Linux; macOS and Windows have only that of
    time.

    Args:
        function: Defined at the top level of an importable module, as everything that
            `pickle` takes to another process. It usually calls `load_submission`, then
            `report_layer`. A script that calls `isolated` needs the usual
            `if __name__ == "__main__":`.
        *arguments: Its arguments, picklable.
        seconds: Time after which it is stopped, without the import of Keras.
        mebibytes: Memory that it may take beyond what Keras takes at rest.

    Returns:
        The report of the function. If it did not come back: a report of one failure,
        called "time", "memory" or "process", that says in which check it was.

    Raises:
        ValueError: If a limit is no positive number.

    Example:

    >>> from companion.conformance import report_function
    >>> report = isolated(report_function, abs, abs, [(-2.0,)])
    >>> report.passed
    True
    """
    number("seconds", seconds, above=0)
    integer("mebibytes", mebibytes)
    context = _context()
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(
        target=_child, args=(sender, mebibytes, function, arguments), daemon=True
    )
    process.start()
    sender.close()
    current, end = None, None
    try:
        while True:
            left = None if end is None else end - time.monotonic()
            if not receiver.poll(left if left is None else max(0, left)):
                return _stopped("time", current, _too_long(seconds))
            kind, text = receiver.recv_bytes().decode().split("\n", 1)
            if kind == "ready":
                end = time.monotonic() + seconds
            elif kind == "check":
                current = text
            elif kind == "report":
                return Report.from_json(text)
            else:
                return _stopped(kind, current, text)
    except (EOFError, ConnectionResetError):
        process.join(5)
        return _stopped("process", current, _ended(process.exitcode))
    finally:
        _kill(process)
        receiver.close()


def load_submission(file):
    """Import a Python file as a module of its own, in no package and under no name.

    Args:
        file: Path of the file.

    Returns:
        The module. Two files of one name stay two modules.

    Raises:
        ValueError: If there is no such file.

    Example:

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "answer.py")
    ...     _ = file.write_text("answer = 6 * 7")
    ...     load_submission(file).answer
    42
    """
    file = Path(file)
    if not file.is_file():
        raise ValueError(f"A submission is a Python file. Received: file={str(file)!r}")
    spec = importlib.util.spec_from_file_location(f"submission_{file.stem}", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _context():
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["keras", "companion.conformance.isolation"])
    return context


def _child(sender, mebibytes, function, arguments):
    """What the process does: limits, then the checks, each announced to the parent."""
    import keras  # noqa: F401  before the clock and the limits start

    def send(kind, text=""):
        sender.send_bytes(f"{kind}\n{text}".encode())

    if hasattr(os, "setsid"):
        os.setsid()  # so that what it starts can be ended with it
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(silence, stream)
    _limit_memory(mebibytes)
    send("ready")
    WATCHERS.append(lambda name: send("check", name))
    try:
        send("report", function(*arguments).to_json())
    except MemoryError:
        send("memory", "It ran out of memory.")
    except BaseException as error:
        send("process", described(error))
    finally:
        sender.close()
        os._exit(0)  # threads that the code left behind do not matter


def _limit_memory(mebibytes):
    """Of address space, beyond what is taken already; Linux only."""
    if sys.platform != "linux":
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + mebibytes * MEBIBYTE
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _stopped(kind, current, observed):
    where = f" It was in the check `{current}`." if current else ""
    hint = {
        "time": "Does a loop end?",
        "memory": "How large is the largest array, and is it needed?",
        "process": ENDED,
    }[kind]
    return Report((Result(kind, False, f"{observed}{where}", hint),))


def _too_long(seconds):
    return f"It was stopped after {seconds:g} seconds."


def _ended(code):
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        return (
            f"The process was ended by the signal {name} before the checks were done."
        )
    return f"The process ended (exit code {code}) before the checks were done."


def _kill(process):
    if process.is_alive():
        with contextlib.suppress(OSError, AttributeError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
    process.join(5)
    if not process.is_alive():
        process.close()
