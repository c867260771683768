"""Say what the parts of `make test` cost.

`measure.py run NAME COMMAND ...` runs a command and notes its time under a name;
`measure.py table` prints what was noted since `measure.py start`. CPU is the time of
the command and of all that it started, user and system.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

NOTES = Path(__file__).parents[1] / "_build" / "times.jsonl"
ROW = "{:<12} {:>8} {:>8}"


def start():
    NOTES.parent.mkdir(exist_ok=True)
    NOTES.write_text(json.dumps(["start", time.time(), 0]) + "\n", "utf8")


def run(name, command):
    """Run a command, note its wall and CPU seconds, return its exit status."""
    began = time.monotonic()
    status = subprocess.run(command).returncode
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    row = [name, time.monotonic() - began, used.ru_utime + used.ru_stime]
    NOTES.parent.mkdir(exist_ok=True)
    with NOTES.open("a", encoding="utf8") as notes:
        notes.write(json.dumps(row) + "\n")
    return status


def table(now):
    """The notes as a table, the longest first, and the whole."""
    (_, began, _), *rows = map(json.loads, NOTES.read_text("utf8").splitlines())
    rows.sort(key=lambda row: -row[2])
    rows.append(["all", now - began, sum(cpu for _, _, cpu in rows)])
    yield ROW.format("part", "seconds", "CPU")
    for name, wall, cpu in rows:
        yield ROW.format(name, f"{wall:.0f}", f"{cpu:.0f}")


def main():
    match sys.argv[1:]:
        case ["start"]:
            return start()
        case ["run", name, *command] if command:
            return run(name, command)
        case ["table"]:
            return print("\n".join(table(time.time())))
    return __doc__


if __name__ == "__main__":
    sys.exit(main())
