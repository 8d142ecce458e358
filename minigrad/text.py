"""Tables for a terminal."""

from collections.abc import Sequence
from typing import Any


def table(head: Sequence[str], rows: Sequence[Sequence[Any]], rule: bool = True) -> str:
    """Rows under a head, in columns as wide as they need; numbers stand to the right."""
    texts = [[str(cell) for cell in row] for row in (head, *rows)]
    columns = list(zip(*texts, strict=True))
    numeric = [all(_is_number(cell) for cell in column[1:]) for column in columns]
    widths = [max(map(len, column)) for column in columns]
    lines = [
        "  ".join(
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in texts
    ]
    rules = ["  ".join("-" * width for width in widths)] if rule else []
    return "\n".join([lines[0], *rules, *lines[1:]])


def _is_number(text: str) -> bool:
    return not text or text[0].isdigit() or (text[0] in "-+." and len(text) > 1)
