"""MNIST by download, from a server on this machine; no request goes farther."""

import errno
import gzip
import hashlib
import io
import os
import re
import socket
import struct
import sys
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError

import numpy as np
import pytest

from minigrad.data import download, download_mnist, mnist
from minigrad.data.idx import encode_idx
from minigrad.data.mnist import _MD5
from minigrad.errors import FormatError

TRAIN, TEST = "train-images-idx3-ubyte", "t10k-images-idx3-ubyte"
TRAIN_LABELS, TEST_LABELS = "train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"
NAMES = {f"{name}.gz" for name in (TRAIN, TRAIN_LABELS, TEST, TEST_LABELS)}
PART = f"{TRAIN}.gz.part"


class Mirror:
    """A server of `files`, and the ways in which one can fail: each a test sets what it wants."""

    def __init__(self):
        self.files, self.asked = {}, []
        self.ranges = True  # whether it knows Range
        self.shift = 0  # how far from the asked position it starts
        self.cut = {}  # file: after how many bytes the connection ends, once
        self.reset = False  # whether it ends rudely
        self.length = True  # whether it says Content-Length
        self.status = {}  # file: what it answers instead
        self.goes_on = threading.Event()  # while it is not set, half of a file is all that comes
        self.goes_on.set()
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                mirror.answer(self)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/mnist/"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, request):
        folder, _, name = request.path.rpartition("/")
        asked = request.headers.get("Range")
        self.asked.append((name.removesuffix(".gz"), asked))
        body = self.files.get(name) if folder == "/mnist" else None
        if name in self.status or body is None:
            request.send_error(self.status.get(name, 404))
            return
        start, size = 0, len(body)
        if asked and self.ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            if start >= size:
                request.send_error(416)
                return
            start += self.shift
            request.send_response(206)
            request.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        else:
            request.send_response(200)
        if self.length:
            request.send_header("Content-Length", str(size - start))
        request.end_headers()
        end = self.cut.pop(name, size)
        half = (start + end) // 2
        request.wfile.write(body[start:half])
        request.wfile.flush()
        self.goes_on.wait(5)
        with suppress(ConnectionError):  # the other side has given up
            request.wfile.write(body[half:end])
        if end < size and self.reset:
            linger = struct.pack("ii", 1, 0)
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            request.connection.close()

    def close(self):
        self.goes_on.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(autouse=True)
def only_this_machine(monkeypatch):
    connect = socket.socket.connect

    def guarded(self, address):
        assert address[0] == "127.0.0.1", f"a test asks {address}"
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "TIMEOUT", 3)


@pytest.fixture
def mirror(monkeypatch):
    """A small MNIST, 8 images to train on and 5 to test on, that counts as the real one."""
    rng = np.random.default_rng(3)
    server = Mirror()
    for part, n in ("train", 8), ("t10k", 5):
        images = rng.integers(0, 4, (n, 40, 40), np.uint8) * 60  # of few greys, so that it packs
        labels = rng.integers(0, 10, n, np.uint8)
        for kind, array in ("images-idx3", images), ("labels-idx1", labels):
            name, plain = f"{part}-{kind}-ubyte", encode_idx(array)
            monkeypatch.setitem(_MD5, name, hashlib.md5(plain).hexdigest())
            server.files[f"{name}.gz"] = gzip.compress(plain)
    yield server
    server.close()


@pytest.fixture
def second(mirror):
    server = Mirror()
    server.files = dict(mirror.files)
    yield server
    server.close()


def here(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def whole(mirror):
    return len(mirror.files[f"{TRAIN}.gz"])


# --- what it is for -------------------------------------------------------------------------------


def test_four_files_are_fetched_and_nothing_else_is_left(mirror, tmp_path, capfd):
    folder = tmp_path / "a" / "b"
    assert download_mnist(str(folder), [mirror.url]) == folder
    assert here(folder) == mirror.files
    assert mirror.asked == [(name, None) for name in _MD5]
    train, test = mnist(folder, verify=True)
    assert (len(train), len(test), train.shape) == (8, 5, (40, 40))
    assert capfd.readouterr() == ("", "")  # no bar in a pipe


def test_what_is_there_and_right_is_not_fetched_again(mirror, tmp_path):
    download_mnist(tmp_path, mirror.url)
    (tmp_path / f"{TEST}.gz").unlink()
    (tmp_path / TEST).write_bytes(gzip.decompress(mirror.files[f"{TEST}.gz"]))  # plain is as good
    (tmp_path / f"{TRAIN_LABELS}.gz").unlink()
    mirror.asked.clear()
    download_mnist(tmp_path, mirror.url)
    assert mirror.asked == [(TRAIN_LABELS, None)]
    assert set(here(tmp_path)) == NAMES - {f"{TEST}.gz"} | {TEST}
    mirror.asked.clear()
    download_mnist(tmp_path, [])
    assert not mirror.asked


@pytest.mark.parametrize("name", [TRAIN, f"{TRAIN}.gz"])
def test_a_file_of_the_same_name_that_is_not_mnist_is_left_alone(mirror, tmp_path, name):
    (tmp_path / name).write_bytes(b"of some other data set")
    with pytest.raises(FormatError, match=f"{name} is not MNIST's: expected .*Remove it, or give"):
        download_mnist(tmp_path, [mirror.url])
    assert here(tmp_path) == {name: b"of some other data set"} and not mirror.asked


def test_mnist_without_a_folder_downloads_once_into_the_cache(mirror, tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_path", lambda app: tmp_path / app)
    monkeypatch.setattr(download_mnist, "__defaults__", (None, (mirror.url,)))
    train, test = mnist()
    assert (len(train), len(test)) == (8, 5)
    assert here(tmp_path / "minigrad" / "mnist") == mirror.files
    assert download_mnist() == tmp_path / "minigrad" / "mnist"
    monkeypatch.setattr(download, "download_mnist", None)  # what is there is read, no more
    assert len(mnist(verify=True)[0]) == 8 and len(mirror.asked) == 4


def test_the_mirrors_are_several_and_safe():
    assert len(set(download.MIRRORS)) >= 3
    assert all(re.fullmatch(r"https://[\w./-]+/", mirror) for mirror in download.MIRRORS)
    assert download_mnist.__defaults__ == (None, download.MIRRORS)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_on_a_terminal(mirror, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    (tmp_path / PART).write_bytes(mirror.files[f"{TRAIN}.gz"][:1000])
    download_mnist(tmp_path, mirror.url)
    shown = sys.stderr.getvalue()
    assert all(f"{name}: " in shown for name in _MD5) and f"1.00k/{whole(mirror) / 1000:.2f}k" in (
        shown
    )


# --- interrupted, and continued -------------------------------------------------------------------


def test_a_part_is_continued(mirror, tmp_path):
    (tmp_path / PART).write_bytes(mirror.files[f"{TRAIN}.gz"][:1000])
    download_mnist(tmp_path, mirror.url)
    assert here(tmp_path) == mirror.files and mirror.asked[0] == (TRAIN, "bytes=1000-")


def test_a_server_that_ignores_range_starts_anew(mirror, tmp_path):
    mirror.ranges = False
    (tmp_path / PART).write_bytes(b"x" * (whole(mirror) + 1000))  # longer, and wrong
    download_mnist(tmp_path, mirror.url)
    assert here(tmp_path) == mirror.files
    assert mirror.asked[:2] == [(TRAIN, f"bytes={whole(mirror) + 1000}-"), (TRAIN_LABELS, None)]


def test_a_server_that_starts_earlier_than_asked_is_believed(mirror, tmp_path):
    mirror.shift = -100
    (tmp_path / PART).write_bytes(mirror.files[f"{TRAIN}.gz"][:900] + b"x" * 100)
    download_mnist(tmp_path, mirror.url)
    assert here(tmp_path) == mirror.files and len(mirror.asked) == 4


def test_a_server_that_leaves_a_gap_is_not(mirror, tmp_path):
    mirror.shift = 7
    (tmp_path / PART).write_bytes(mirror.files[f"{TRAIN}.gz"][:1000])
    with pytest.raises(ConnectionError, match="the bytes from 1000 on, it sent 'bytes 1007-"):
        download_mnist(tmp_path, mirror.url)
    assert here(tmp_path) == {PART: mirror.files[f"{TRAIN}.gz"][:1000]}


@pytest.mark.parametrize("length", ["short", "whole", "long"])
def test_a_wrong_part_is_thrown_away_and_fetched_once_more(mirror, tmp_path, length):
    size = {"short": 1000, "whole": whole(mirror), "long": whole(mirror) + 5}[length]
    (tmp_path / PART).write_bytes(b"x" * size)
    download_mnist(tmp_path, mirror.url)
    assert here(tmp_path) == mirror.files
    assert mirror.asked[:3] == [(TRAIN, f"bytes={size}-"), (TRAIN, None), (TRAIN_LABELS, None)]


def test_a_part_that_is_whole_is_not_fetched_again(mirror, tmp_path):
    (tmp_path / PART).write_bytes(mirror.files[f"{TRAIN}.gz"])
    download_mnist(tmp_path, mirror.url)
    assert here(tmp_path) == mirror.files
    assert mirror.asked[:2] == [(TRAIN, f"bytes={whole(mirror)}-"), (TRAIN_LABELS, None)]


def test_a_connection_that_is_cut_is_continued_by_the_next_call(mirror, tmp_path):
    mirror.cut[f"{TRAIN}.gz"] = 1500
    message = rf"{mirror.url}{TRAIN}.gz: the connection was cut after 1500 of {whole(mirror)} bytes"
    with pytest.raises(ConnectionError, match=message):
        download_mnist(tmp_path, mirror.url)
    assert here(tmp_path) == {PART: mirror.files[f"{TRAIN}.gz"][:1500]}
    download_mnist(tmp_path, mirror.url)
    assert here(tmp_path) == mirror.files
    assert mirror.asked[:2] == [(TRAIN, None), (TRAIN, "bytes=1500-")]


def test_a_connection_that_is_cut_is_continued_by_the_next_mirror(mirror, second, tmp_path):
    mirror.cut[f"{TRAIN}.gz"] = 1500
    mirror.reset = True
    download_mnist(tmp_path, [mirror.url, second.url])
    assert here(tmp_path) == mirror.files
    ((name, asked),) = second.asked
    assert name == TRAIN and asked in ("bytes=1500-", None)  # a reset may take what it had sent


def test_a_mirror_that_packs_otherwise_cannot_continue_but_starts_anew(mirror, second, tmp_path):
    plain = gzip.decompress(mirror.files[f"{TRAIN}.gz"])
    second.files[f"{TRAIN}.gz"] = gzip.compress(plain, compresslevel=1)
    mirror.cut[f"{TRAIN}.gz"] = 1500
    download_mnist(tmp_path, [mirror.url, second.url])
    assert here(tmp_path) == mirror.files | {f"{TRAIN}.gz": second.files[f"{TRAIN}.gz"]}
    assert second.asked == [(TRAIN, "bytes=1500-"), (TRAIN, None)]


def test_ctrl_c_keeps_the_part(mirror, tmp_path, monkeypatch):
    piece = download._piece
    monkeypatch.setattr(download, "_PIECE", 512)

    def interrupted(response):
        if len(pieces) == 3:
            raise KeyboardInterrupt
        pieces.append(piece(response))
        return pieces[-1]

    pieces = []
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(download, "_piece", interrupted)
        download_mnist(tmp_path, mirror.url)
    came = b"".join(pieces)
    assert came and here(tmp_path) == {PART: came}
    download_mnist(tmp_path, mirror.url)
    assert here(tmp_path) == mirror.files and mirror.asked[1] == (TRAIN, f"bytes={len(came)}-")


def test_two_at_once_do_not_disturb_each_other(mirror, tmp_path, monkeypatch):
    failed, both = [], threading.Barrier(2, timeout=10)
    monkeypatch.setattr(os, "fsync", lambda descriptor: both.wait())

    def fetch():
        try:
            download_mnist(tmp_path, mirror.url)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=fetch) for _ in range(2)]
    mirror.goes_on.clear()  # both are in the middle
    for thread in threads:
        thread.start()
    until = time.monotonic() + 10
    while len(mirror.asked) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    mirror.goes_on.set()
    for thread in threads:
        thread.join(20)
    assert not failed and here(tmp_path) == mirror.files


# --- refused --------------------------------------------------------------------------------------


def no_mnist(mirror, kind):
    good = mirror.files[f"{TRAIN}.gz"]
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 4
    return {
        "truncated": good[:-20],
        "corrupted": bytes(flipped),
        "another file": mirror.files[f"{TEST}.gz"],
        "a page": b"<!DOCTYPE html><title>Please log in</title>",
        "empty": b"",
    }[kind]


@pytest.mark.parametrize("kind", ["truncated", "corrupted", "another file", "a page", "empty"])
def test_a_wrong_file_is_refused_and_leaves_nothing(mirror, second, tmp_path, kind):
    mirror.files[f"{TRAIN}.gz"] = no_mnist(mirror, kind)
    with pytest.raises(ConnectionError, match=r"damaged gzip|expected content with md5 \w+, got"):
        download_mnist(tmp_path, mirror.url)
    assert here(tmp_path) == {} and mirror.asked == [(TRAIN, None)]
    download_mnist(tmp_path, [mirror.url, second.url])
    assert here(tmp_path) == second.files


def test_without_a_length_the_content_decides(mirror, second, tmp_path):
    mirror.length = False
    mirror.cut[f"{TRAIN}.gz"] = 1500
    download_mnist(tmp_path, [mirror.url, second.url])
    assert here(tmp_path) == mirror.files and second.asked == [(TRAIN, None)]


@pytest.mark.parametrize("unpacks", [False, True], ids=["what comes", "what it unpacks to"])
def test_endless_data_fill_neither_disk_nor_memory(mirror, tmp_path, monkeypatch, unpacks):
    monkeypatch.setattr(download, "_LIMIT", 40_000)
    monkeypatch.setattr(download, "_PIECE", 1000)
    unpacked = []
    mirror.files[f"{TRAIN}.gz"] = gzip.compress(bytes(1 << 24)) if unpacks else bytes(1 << 20)
    if unpacks:
        read = gzip.GzipFile.read
        monkeypatch.setattr(
            gzip.GzipFile, "read", lambda self, n: unpacked.append(n) or read(self, n)
        )
    message = "expected content with md5" if unpacks else "more than 40000 bytes came"
    with pytest.raises(ConnectionError, match=message):
        download_mnist(tmp_path, mirror.url)
    assert here(tmp_path) == {} and len(unpacked) < 50


def test_the_second_mirror_where_the_first_has_it_not(mirror, second, tmp_path, monkeypatch):
    closed, close = [], HTTPError.close
    monkeypatch.setattr(HTTPError, "close", lambda self: closed.append(self.code) or close(self))
    del mirror.files[f"{TEST}.gz"]
    mirror.status[f"{TRAIN_LABELS}.gz"] = 503
    download_mnist(tmp_path, [mirror.url.rstrip("/"), second.url])
    assert here(tmp_path) == second.files
    assert second.asked == [(TRAIN_LABELS, None), (TEST, None)] and {*closed} == {503, 404}


def test_no_network_says_what_was_tried_and_what_to_do(mirror, tmp_path, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
        mirror.status[f"{TRAIN}.gz"] = 500
        with pytest.raises(ConnectionError) as refused:
            download_mnist(tmp_path, [nobody, mirror.url, "not an address"])
    lines = str(refused.value).splitlines()
    assert "none of 3 mirrors" in lines[0]
    assert re.search(rf"{nobody}/{TRAIN}.gz: .*refused", lines[1])
    assert f"{mirror.url}{TRAIN}.gz: HTTP 500 Internal Server Error" in lines[2]
    assert "not an address" in lines[3] and "unknown url type" in lines[3]
    assert str(tmp_path) in lines[5] and all(name in lines[6] for name in NAMES)
    assert here(tmp_path) == {}
    with pytest.raises(ConnectionError, match="none of 0 mirrors"):
        download_mnist(tmp_path, [])


def test_a_silent_server_is_given_up(mirror, second, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    mirror.goes_on.clear()
    with pytest.raises(ConnectionError, match="timed out"):
        download_mnist(tmp_path, mirror.url)
    half = whole(mirror) // 2
    assert here(tmp_path) == {PART: mirror.files[f"{TRAIN}.gz"][:half]}
    download_mnist(tmp_path, second.url)
    assert second.asked[0] == (TRAIN, f"bytes={half}-")


# --- the disk -------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_is_named_and_no_other_mirror_is_troubled(
    mirror, second, tmp_path, monkeypatch, step
):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, step, full)
        with pytest.raises(OSError, match=r"No space left on device: .*part") as refused:
            download_mnist(tmp_path, [mirror.url, second.url])
    assert refused.value.errno == errno.ENOSPC and not second.asked
    assert here(tmp_path) == {PART: mirror.files[f"{TRAIN}.gz"]}  # nothing has the final name
    download_mnist(tmp_path, [mirror.url])
    assert here(tmp_path) == mirror.files


def test_a_disk_that_fills_while_it_receives(mirror, second, tmp_path, monkeypatch):
    class Full(io.FileIO):
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    def opened(path, mode, **options):
        return Full(path, "w") if str(path).endswith(".part") else open(path, mode, **options)

    monkeypatch.setattr(download, "open", opened, raising=False)
    with pytest.raises(OSError, match=r"No space left on device: .*part"):
        download_mnist(tmp_path, [mirror.url, second.url])
    assert here(tmp_path) == {} and not second.asked


def test_a_folder_that_cannot_be_written(mirror, second, tmp_path, monkeypatch):
    def read_only(path, flags, mode=0o777):
        raise PermissionError(errno.EACCES, "Permission denied", path)

    with monkeypatch.context() as patched, pytest.raises(PermissionError, match=f"denied.*{PART}"):
        patched.setattr(download.os, "open", read_only)
        download_mnist(tmp_path, [mirror.url, second.url])
    assert not mirror.asked and not second.asked
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError, match="file"):
        download_mnist(tmp_path / "file", mirror.url)
