"""IDX, the file format of MNIST: 00 00, a type code, the number of axes, their sizes, the values.

Everything is big-endian; a size takes four bytes. Source: the page of the MNIST database
(Yann LeCun, Corinna Cortes, Christopher Burges).
"""

import gzip
import math
import os
import struct
import zlib
from io import BufferedIOBase
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minigrad.errors import FormatError

_TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype("u1"),
    0x09: np.dtype("i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_CODES = {dtype.newbyteorder("="): code for code, dtype in _TYPES.items()}
_PIECE = 1 << 20


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read an IDX file, plain or gzipped (told by its content), as an array in native byte order.

    Never takes more memory than the data that are really there, nor more than the header promises.
    Raises FormatError, which names the file and what is wrong with it.
    """
    with open(path, "rb") as file:
        zipped = file.peek(2)[:2] == b"\x1f\x8b"
        try:
            return _decode(gzip.GzipFile(fileobj=file) if zipped else file)
        except FormatError as error:
            raise FormatError(f"{os.fspath(path)}: {error}") from None
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise FormatError(f"{os.fspath(path)}: damaged gzip data: {error}") from error


def write_idx(path: str | os.PathLike[str], array: ArrayLike) -> None:
    """Write an array as IDX; gzipped when the name ends in `.gz`, the same bytes every time.

    Raises TypeError for a dtype that IDX lacks, ValueError for an axis longer than 2**32 - 1.
    """
    data = encode_idx(array)
    with open(path, "wb") as file:
        if os.fspath(path).endswith(".gz"):
            # Neither a name nor a time goes into the gzip header: the content alone decides.
            with gzip.GzipFile("", "wb", compresslevel=9, fileobj=file, mtime=0) as zipped:
                zipped.write(data)
        else:
            file.write(data)


def encode_idx(array: ArrayLike) -> bytes:
    """Return the bytes of a plain IDX file; an array and its file determine each other."""
    array = np.asarray(array)
    code = _CODES.get(array.dtype.newbyteorder("="))
    if code is None:
        known = ", ".join(dtype.name for dtype in _CODES)
        raise TypeError(f"IDX has no type for {array.dtype}; it has {known}")
    if max(array.shape, default=0) >= 1 << 32:
        raise ValueError(f"an axis of an IDX file is at most 2**32 - 1 long, got {array.shape}")
    header = struct.pack(f">4B{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(_TYPES[code], copy=False).tobytes()


def _decode(stream: BufferedIOBase) -> NDArray[Any]:
    magic = _take(stream, 4)
    if len(magic) < 4:
        raise FormatError(f"the header is cut short: expected 4 bytes or more, got {len(magic)}")
    if magic[:2] != b"\0\0":
        raise FormatError(f"not an IDX file: expected 00 00 at the start, got {magic[:2].hex(' ')}")
    code, axes = magic[2:]
    if code not in _TYPES:
        known = ", ".join(f"{known:#04x}" for known in _TYPES)
        raise FormatError(f"unknown type code {code:#04x}, expected one of {known}")
    sizes = _take(stream, 4 * axes)
    if len(sizes) < 4 * axes:
        raise FormatError(
            f"the header is cut short: expected {4 * axes} bytes of sizes for {axes} axes, "
            f"got {len(sizes)}"
        )
    shape, dtype = struct.unpack(f">{axes}I", sizes), _TYPES[code]
    size = math.prod(shape) * dtype.itemsize
    promise = f"the header promises {dtype.name} of shape {shape}, {size} bytes"
    data = _take(stream, size + 1)  # one more, to see the end and with it the gzip checksum
    if len(data) != size:
        came = "more follow" if len(data) > size else f"got {len(data)}"
        raise FormatError(f"{promise}; {came}")
    try:
        array: NDArray[Any] = np.ndarray(shape, dtype, buffer=data)
    except ValueError as error:  # too many axes, or sizes beyond the address space beside a 0
        raise FormatError(f"{promise}, which numpy cannot hold: {error}") from error
    return array.astype(dtype.newbyteorder("="), copy=False)


def _take(stream: BufferedIOBase, size: int) -> bytearray:
    """Read up to `size` bytes, piece by piece: a file's `read` allocates all that it is asked."""
    data = bytearray()
    while len(data) < size and (piece := stream.read(min(size - len(data), _PIECE))):
        data += piece
    return data
