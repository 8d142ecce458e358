"""Pictures of information: an estimator against laws whose information is known."""

from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.plots.axes import axes

if TYPE_CHECKING:
    from minigrad.information.known import Examination

MARKERS = "ovsD^P"
TICKS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0)
LINEAR = 0.3  # nats, up to which the scales of truth and estimate are about linear


def known_answers(examination: "Examination", ax: Any = None) -> Any:
    """The estimate of each law against its truth, a colour for each sample size; the line is truth.

    Bars are standard deviations, and sizes stand side by side. A cross is a law on which estimates
    are known to fail, named for the largest size. Both scales narrow away from 0, since most laws
    lie there. What is not finite is not drawn.
    """
    from matplotlib.transforms import ScaledTranslation

    ax, seen = axes(ax, (7.2, 5.4)), examination
    hard, last = np.array([row.law.hard for row in seen.rows], bool), len(seen.sizes) - 1
    mean, deviation = seen.mean, seen.deviation
    finite = np.isfinite(mean)
    ax.plot([-100, 100], [-100, 100], color="0.6", linewidth=1, zorder=0, label="truth")
    for i, n in enumerate(seen.sizes):
        aside = ax.transData + ScaledTranslation(
            (i - last / 2) * 3 / 72, 0, ax.figure.dpi_scale_trans
        )
        marker = MARKERS[i % len(MARKERS)]
        for chosen, shape, label in ((~hard, marker, f"N = {n}"), (hard, "x", None)):
            drawn = chosen & finite[:, i]
            ax.errorbar(
                seen.truth[drawn],
                mean[drawn, i],
                deviation[drawn, i],
                fmt=shape,
                color=f"C{i}",
                markersize=4,
                elinewidth=0.8,
                transform=aside,
                label=label,
            )
    named = np.flatnonzero(hard & finite[:, last])
    if named.size:
        ax.errorbar([], [], fmt="x", color="0.4", markersize=4, label="known failure")
    _names_in_the_corner(
        ax,
        [(seen.truth[i], mean[i, last], seen.rows[i].law.name) for i in named],
        {"color": f"C{last}", "xycoords": aside},
    )
    _narrowing_scales(ax, seen.truth[finite.any(axis=1)], mean[finite])
    ax.set(xlabel="truth (nats)", ylabel="estimate (nats)", title=seen.estimator)
    ax.legend(frameon=False, fontsize="small", loc="upper left")
    return ax


def _narrowing_scales(ax: Any, x: Any, y: Any) -> None:
    """The same scale for x and y, about linear near 0 and logarithmic beyond; the means fit in."""
    from matplotlib.ticker import FixedLocator, StrMethodFormatter

    ax.set_xscale("asinh", linear_width=LINEAR)
    ax.set_yscale("asinh", linear_width=LINEAR)
    ax.set_xlim(min(x.min(initial=0.0), 0.0) - 0.06, 1.15 * x.max(initial=0.5))
    y = np.append(x, y)
    ax.set_ylim(min(y.min(initial=0.0), 0.0) - 0.06, 1.15 * y.max(initial=0.5))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(FixedLocator([*(-t for t in TICKS[:0:-1]), *TICKS]))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_locator(FixedLocator([]))


def _names_in_the_corner(ax: Any, points: list[tuple[float, float, str]], style: Any) -> None:
    """Names one above the other at the lower right, where no good estimate lies, with a line."""
    for i, (x, y, name) in enumerate(sorted(points, key=lambda point: point[1])):
        ax.annotate(
            name,
            (x, y),
            (0.985, 0.03 + 0.042 * i),
            textcoords="axes fraction",
            fontsize="small",
            ha="right",
            va="center",
            arrowprops={
                "arrowstyle": "-",
                "color": "0.8",
                "linewidth": 0.6,
                "relpos": (0, 0.5),
                "shrinkA": 2,
                "shrinkB": 3,
            },
            **style,
        )
