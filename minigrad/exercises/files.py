"""Files: written as a whole, set aside under a free name, and held against a second writer."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def write(text: str, path: Path) -> None:
    """Write a file as a whole or not at all."""
    number, new = tempfile.mkstemp(prefix=path.name, suffix=".new", dir=path.parent)
    try:
        with open(number, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        if os.name != "nt":
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(new, 0o666 & ~mask)  # mkstemp's is for its owner alone
        os.replace(new, path)
    except BaseException:
        with suppress(OSError):
            os.remove(new)
        raise


def set_aside(path: Path) -> Path:
    """Rename a file to NAME.bak, or the first of NAME.bak.1, .2, ... that is free."""
    kept, number = path.with_name(f"{path.name}.bak"), 0
    while os.path.lexists(kept):
        number += 1
        kept = path.with_name(f"{path.name}.bak.{number}")
    path.rename(kept)
    return kept


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a file, by an empty one beside it; BlockingIOError, if another process holds it.

    The system lets go of what a process held when that ends, in whatever way: none is left held.
    """
    lock = path.with_name(f"{path.name}.lock")
    with open(lock, "a") as file:
        try:
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise BlockingIOError(f"another process is writing {path}") from None
        try:
            yield
        finally:
            with suppress(OSError):  # Windows keeps a file that is open
                os.remove(lock)
