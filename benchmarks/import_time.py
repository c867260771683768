"""How much does `import companion` add to `import keras`?

    python benchmarks/import_time.py [--quick]

Each round starts a fresh Python that imports keras, then the package.
"""

import argparse
import subprocess
import sys

from measure import report

PROGRAM = """
import time
start = time.perf_counter()
import keras
middle = time.perf_counter()
import companion
print(middle - start, time.perf_counter() - middle)
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
    keras, ours = (1000 * min(column) for column in zip(*times, strict=True))
    row = {"import": "milliseconds", "keras": keras, "companion": ours}
    row["added"] = ours / keras
    report(
        "import_time",
        "Importing companion after keras, milliseconds, fastest of all rounds",
        [row],
        "python benchmarks/import_time.py",
    )


if __name__ == "__main__":
    main()
