"""Information of normal variables, in closed form from their correlations."""

from typing import Any

import numpy as np

from minigrad import backend
from minigrad.backend import Array
from minigrad.information.estimates import Estimate
from minigrad.information.variables import (
    constant_notes,
    real,
    rows_of,
    variables,
)


def gaussian(x: Any, y: Any, given: Any = None) -> Estimate:
    """I(X;Y) = -1/2 sum ln(1 - rho_i^2), as if jointly normal; with `given` z, I(X;Y|Z).

    x, y, z: real (N, width) or (N,). rho_i are the canonical correlations, the singular values of
    Qx^T Qy where Qx, Qy span the centred columns; with z, of what a linear fit on z leaves of them.
    For other laws it is the part that correlations show. Raises ValueError unless there are more
    samples than columns. Infinite where one side is a linear function of the other.

    >>> rng = np.random.default_rng(0)
    >>> x, noise = rng.standard_normal((2, 100_000))
    >>> f"{gaussian(x, 0.6 * x + 0.8 * noise):.2f}"  # truth: -ln(1 - 0.36) / 2 = 0.223
    '0.22'
    """
    named = dict(zip(("x", "y", "given"), variables(x=x, y=y, given=given), strict=False))
    parts = [_centred_columns(real(name, v, "plug_in")) for name, v in named.items()]
    n, columns = parts[0].shape[0], sum(v.shape[1] for v in parts)
    if n < columns + 2:
        raise ValueError(f"gaussian: {columns} columns need {columns + 2} samples or more, not {n}")
    if given is not None:
        basis = _basis(parts[2])
        parts = [v - basis @ (basis.mT @ v) for v in parts[:2]]
    bases = [_basis(v, like) for v, like in zip(parts, named.values(), strict=False)]

    def value(second: Array) -> float:
        overlap = backend.namespace(second).linalg.svdvals(bases[0].mT @ second)
        rho = np.minimum(backend.host(overlap), 1.0)
        eps = np.finfo(rho.dtype).eps
        linear = (rho >= 1 - 64 * eps).any()  # 1, but for the rounding of the svd
        return np.inf if linear else float(0.5 * np.sum(-np.log1p(-(rho**2))))

    return Estimate(
        value=value(bases[1]),
        quantity="I(X;Y)" if given is None else "I(X;Y|Z)",
        estimator="Gaussian",
        parameters={},
        samples=n,
        notes=tuple(constant_notes(**{name: named[name] for name in "xy"})),
        shuffled=lambda rng: value(rows_of(bases[1], rng.permutation(n))),
    )


def _centred_columns(x: Array) -> Array:
    """x less its mean, each column scaled to a greatest size of 1; a constant one becomes 0."""
    xp = backend.namespace(x)
    for _ in range(2):  # before the mean, whose sum could overflow, and after it
        size = xp.max(xp.abs(x), axis=0)
        x = x / xp.where(size > 0, size, xp.ones_like(size))
        x = x - xp.mean(x, axis=0)
    return x


def _basis(x: Array, like: Array | None = None) -> Array:
    """Orthonormal columns that span those of x, but for what is only rounding; at least one."""
    xp = backend.namespace(x)
    u, s, _ = xp.linalg.svd(x, full_matrices=False)
    scale = float(xp.max(s)) if like is None else max(1.0, float(xp.max(s)))
    limits = xp.finfo(x.dtype)
    rank = int(xp.sum(xp.astype(s > scale * max(x.shape) * float(limits.eps), xp.int64)))
    return u[:, :rank] if rank else xp.zeros_like(u[:, :1])
