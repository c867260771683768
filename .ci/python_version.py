"""Say, before anything is installed, whether this Python can install a lock.

`python_version.py LOCK`: from 3.11 to the newest that the lock's last line names;
without such a line any newer one. It may meet an old Python, so it is written for one.
"""

import re
import sys


def refusal(found, lock):
    """A sentence if a version (major, minor) is outside of what a lock's text says."""
    line = re.search(r"^# newest Python: 3\.(\d+)$", lock, re.M)
    newest = (3, int(line.group(1)) if line else 99)
    if (3, 11) <= found <= newest:
        return None
    wanted = "3.11 to {}.{}".format(*newest) if line else "3.11 or newer"
    return "The course needs Python {}, found {}.{}.".format(wanted, *found)


if __name__ == "__main__":
    with open(sys.argv[1]) as text:
        sys.exit(refusal(sys.version_info[:2], text.read()))
