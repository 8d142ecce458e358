"""What a lesson needs beside its subject: options and figures, as a script and as a notebook."""

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class Lesson:
    """A lesson that runs, with the options of the command line; in a notebook with none.

    `show` displays a figure in a notebook, saves it into the folder `figures`, or does neither.
    """

    def __init__(self, name: str, about: str = "", argv: Sequence[str] | None = None) -> None:
        self.name, self.in_notebook = name, "ipykernel" in sys.modules
        parser = argparse.ArgumentParser(description=(about or name).strip().splitlines()[0])
        parser.add_argument("--full", action="store_true", help="the full-size experiment as well")
        parser.add_argument("--figures", type=Path, help="save the figures into this folder")
        parser.add_argument(
            "--mnist",
            type=Path,
            metavar="FOLDER",
            help="the folder of the full MNIST, for --full; without it, it is downloaded",
        )
        options = parser.parse_args([] if self.in_notebook else argv)
        self.full: bool = options.full
        self.mnist: Path | None = options.mnist
        self.figures: Path | None = options.figures

    def show(self, drawn: Any, name: str) -> None:
        """Show or save what was drawn, a figure or its axes, under `name`."""
        if self.in_notebook:
            display(drawn)
        if self.figures is not None:
            save(drawn, self.figures / f"{self.name}-{name}.png")


def show(drawn: Any, name: str) -> None:
    """Display a figure, or its axes, in a notebook; in a script, save it here as NAME.png."""
    if "ipykernel" in sys.modules:
        display(drawn)
    else:
        save(drawn, Path(f"{name}.png"))


def display(drawn: Any) -> None:
    """Display a figure, or its axes, below the cell of a notebook."""
    from IPython import display as notebook

    picture = io.BytesIO()
    getattr(drawn, "figure", drawn).savefig(picture, format="png", dpi=110)
    notebook.display(notebook.Image(picture.getvalue()))


def save(drawn: Any, path: Path) -> None:
    """Save a figure, or its axes, and say where."""
    path.parent.mkdir(parents=True, exist_ok=True)
    getattr(drawn, "figure", drawn).savefig(path, dpi=150)
    print(f"figure: {path}")
