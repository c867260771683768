"""How much do imports of the package add to `import keras`?

    python benchmarks/import_time.py [--quick]

Each round starts a fresh Python that imports keras, then the package and two parts.
"""

import argparse
import subprocess
import sys

from measure import report

MODULES = "keras", "companion", "companion.layers", "companion.models"
PROGRAM = f"""
import importlib, time
for name in {MODULES}:
    start = time.perf_counter()
    importlib.import_module(name)
    print(time.perf_counter() - start)
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two rounds, not seven")
    rounds = 2 if parser.parse_args().quick else 7
    command = [sys.executable, "-c", PROGRAM]
    times = []
    for _ in range(rounds):
        run = subprocess.run(command, check=True, capture_output=True, text=True)
        times.append([float(text) for text in run.stdout.split()])
    best = [1000 * min(column) for column in zip(*times, strict=True)]
    report(
        "import_time",
        "Imports in this order, milliseconds, fastest of all rounds",
        [{"import": "one after another", **dict(zip(MODULES, best, strict=True))}],
        "python benchmarks/import_time.py",
    )


if __name__ == "__main__":
    main()
