"""MNIST by download: from public mirrors, each file checked before it gets its name."""

import gzip
import hashlib
import io
import os
import re
import secrets
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from minigrad.data.mnist import _MD5, find
from minigrad.errors import FormatError

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://systemds.apache.org/assets/datasets/mnist/",
)
TIMEOUT = 20  # seconds without a byte
_LIMIT = 1 << 26  # bytes; no file of MNIST is as large, packed or unpacked
_PIECE = 1 << 16


class _MirrorFailed(Exception):
    """A mirror did not give the file; the next one is asked."""


def cache_folder() -> Path:
    """Return the folder in the user's cache that MNIST is kept in; it need not exist."""
    from platformdirs import user_cache_path

    return user_cache_path("minigrad") / "mnist"


def download_mnist(
    folder: str | os.PathLike[str] | None = None, mirrors: Sequence[str] = MIRRORS
) -> Path:
    """Fetch those of the four files of MNIST that `folder` lacks, gzipped, and return the folder.

    By default a folder in the user's cache. `mirrors` are base addresses, asked in turn. What was
    cut or interrupted is continued by the next call. 11 MB in all.
    Raises ConnectionError where no mirror gives a file, FormatError for a file that is there but
    is not MNIST's (it is left alone), another OSError where the folder cannot be written.
    """
    folder = cache_folder() if folder is None else Path(folder)
    bases = [mirrors] if isinstance(mirrors, str) else mirrors
    for name in [name for name in _MD5 if not _is_there(folder, name)]:
        folder.mkdir(parents=True, exist_ok=True)
        _fetch(folder, name, bases)
    return folder


def _is_there(folder: Path, name: str) -> bool:
    path = find(folder, name)
    if path is None:
        return False
    with open(path, "rb") as file:
        try:
            _check(file, name)
        except FormatError as error:
            # Other data sets use the same names: never replace what may be somebody's.
            raise FormatError(
                f"{path} is not MNIST's: {error}. Remove it, or give another folder"
            ) from error
    return True


def _fetch(folder: Path, name: str, mirrors: Sequence[str]) -> None:
    part = folder / f"{name}.gz.part"
    tried = []
    for base in mirrors:
        url = f"{base.rstrip('/')}/{name}.gz"
        try:
            with open(part, "r+b", opener=_create) as file:
                content = _content(url, file, name)
            _write(folder / f"{name}.gz", content)
            with suppress(OSError):  # on Windows, another process may have it open
                part.unlink()
            return
        except _MirrorFailed as error:
            tried.append(f"  {url}: {error}")
        except OSError as error:
            error.filename = error.filename or str(part)  # a full disk does not name the file
            raise
        finally:
            with suppress(OSError):
                if not part.stat().st_size:
                    part.unlink()
    files = ", ".join(f"{name}.gz" for name in _MD5)
    raise ConnectionError(
        "\n".join(
            [
                f"MNIST could not be downloaded: none of {len(tried)} mirrors gave {name}.gz",
                *tried,
                "Try again later (what has come is kept), or put the four files, from wherever",
                f"you find them, into {folder}",
                f"by hand: {files}",
            ]
        )
    )


def _content(url: str, file: IO[bytes], name: str) -> bytes:
    """Return the bytes of the file at `url`, received by way of `file` and checked."""
    while True:
        continued = _receive(url, file, name)
        file.seek(0)
        content = file.read()
        try:
            _check(io.BytesIO(content), name)
            return content
        except FormatError as error:
            file.truncate(0)
            if not continued:
                raise _MirrorFailed(str(error)) from error
            # Else what was there before may have been the wrong part: once more, from the start.


def _receive(url: str, file: IO[bytes], name: str) -> bool:
    """Write what comes from `url` to `file`, after what it has; return whether it had anything."""
    from tqdm import tqdm

    has = file.seek(0, os.SEEK_END)
    response = _ask(url, has)
    if response is None:
        return True
    with response:
        start = _start(response, has)
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdecimal() else None
        # Written in place and cut at the end, rather than emptied first: two processes that
        # download at once then write the same bytes at the same places.
        at = file.seek(start)
        with tqdm(
            total=total, initial=at, desc=name, unit="B", unit_scale=True, disable=None, leave=False
        ) as bar:  # disable=None: a bar on a terminal only
            while piece := _piece(response):
                at += file.write(piece)
                bar.update(len(piece))
                if at > _LIMIT:
                    file.truncate(0)
                    raise _MirrorFailed(f"more than {_LIMIT} bytes came, MNIST is smaller")
    if total is not None and at < total:
        raise _MirrorFailed(f"the connection was cut after {at} of {total} bytes")
    file.truncate(at)
    return start > 0


def _ask(url: str, has: int) -> Any:
    """Return the response of `url`, from byte `has` on; None where it says that nothing follows."""
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    with _as_mirror_failed():
        request = Request(url, headers={"User-Agent": "minigrad"})
        if has:
            request.add_header("Range", f"bytes={has}-")
        try:
            return urlopen(request, timeout=TIMEOUT)
        except HTTPError as error:
            error.close()
            if error.code == 416 and has:  # range not satisfiable
                return None
            raise


def _start(response: Any, has: int) -> int:
    """Return the position of the first byte of a response: at most `has`, or the mirror failed."""
    if response.status != 206:  # partial content; anything else is the whole file
        return 0
    came = response.headers.get("Content-Range", "")
    match = re.match(r"bytes (\d+)-", came)
    if match is None or int(match[1]) > has:
        raise _MirrorFailed(f"asked for the bytes from {has} on, it sent {came!r}")
    return int(match[1])


def _piece(response: Any) -> bytes:
    with _as_mirror_failed():
        piece: bytes = response.read1(_PIECE)
        return piece


@contextmanager
def _as_mirror_failed() -> Iterator[None]:
    """Tell the network's errors from the disk's, which are of the same class."""
    from http.client import HTTPException

    try:
        yield
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None)
        code = getattr(error, "code", None)
        said = f"HTTP {code} {reason}" if code else f"{reason or error or type(error).__name__}"
        raise _MirrorFailed(said) from error


def _check(file: IO[bytes], name: str) -> None:
    """Raise FormatError unless the file, plain or gzipped, holds what MNIST's `name` does."""
    zipped = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    stream = gzip.GzipFile(fileobj=file) if zipped else file
    digest, size = hashlib.md5(usedforsecurity=False), 0
    try:
        while size <= _LIMIT and (piece := stream.read(_PIECE)):
            digest.update(piece)
            size += len(piece)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FormatError(f"damaged gzip data: {error}") from error
    if digest.hexdigest() != _MD5[name]:
        raise FormatError(f"expected content with md5 {_MD5[name]}, got {digest.hexdigest()}")


def _write(path: Path, content: bytes) -> None:
    """Write a file that has its name only when it is whole."""
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        with open(fresh, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def _create(path: str, flags: int) -> int:
    """Open for reading and writing, made if absent, and in no case emptied."""
    return os.open(path, flags | os.O_CREAT, 0o666)
