"""Watch files by looking at them again and again: some file systems tell of no change."""

import queue
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

TICK = 0.3  # seconds between two looks


def changes(
    look: Callable[[], Mapping[Path, str]], keys: Callable[[], str], ticks: Iterable[object]
) -> Iterator[list[Path]]:
    """What to check, whenever there is something: at each tick, look.

    `look` gives what each file holds; one that holds something new, and at the next tick still
    does, was saved. `keys` gives a key or nothing: r asks for what was saved last, or for all, q
    ends it.
    """
    known = before = dict(look())
    last: list[Path] = []
    for _ in ticks:
        key, now = keys(), dict(look())
        saved = [p for p, held in now.items() if held == before.get(p) and held != known.get(p)]
        before = now
        if key == "q":
            return
        if key == "r":
            saved = saved or [path for path in last or now if path in now]
        known.update({path: now[path] for path in saved})
        if saved:
            last = saved
            yield saved


def ticks() -> Iterator[None]:
    """A tick for every look, without end."""
    while True:
        time.sleep(TICK)
        yield


def typed_keys() -> Callable[[], str]:
    """A function that gives the last line typed, or nothing; it never waits."""
    typed: queue.SimpleQueue[str] = queue.SimpleQueue()

    def listen() -> None:
        for line in sys.stdin:
            typed.put(line.strip().lower())

    threading.Thread(target=listen, daemon=True).start()

    def key() -> str:
        return "" if typed.empty() else typed.get()

    return key
