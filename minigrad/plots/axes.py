"""New axes for a picture, without pyplot: nothing is shown, and no display is needed."""

from typing import Any


def axes(ax: Any = None, size: tuple[float, float] = (6.4, 4.0)) -> Any:
    """`ax` itself, or the axes of a new figure of `size` inches."""
    if ax is not None:
        return ax
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained").subplots()
