"""`python -m book._kit notebooks | check | prime`: see each command's help."""

import argparse
import sys
from pathlib import Path

from book._kit import twins
from book._kit.repository import ROOT


def main():
    parser = argparse.ArgumentParser(prog="python -m book._kit", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("notebooks", help="execute what changed, write the twins")
    run.add_argument("--all", action="store_true", help="execute every chapter")
    run.add_argument("slug", nargs="*", help="only these, such as lineage/alexnet")
    commands.add_parser("check", help="fail if a twin is not what its source makes")
    commands.add_parser("stale", help="exit 1 if a chapter must be executed")
    fill = commands.add_parser("prime", help="fill Jupyter Book's cache from the twins")
    fill.add_argument(
        "cache", nargs="?", default=ROOT / "_build/.jupyter_cache", type=Path
    )
    arguments = parser.parse_args()

    problems = []
    if arguments.command == "notebooks":
        problems = twins.update(arguments.all, arguments.slug)
    elif arguments.command == "check":
        problems = twins.check()
    elif arguments.command == "stale":
        return any(twins.why_stale(chapter) for chapter in twins.chapters())
    else:
        twins.prime(arguments.cache)
    for problem in problems:
        print(problem, file=sys.stderr)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
