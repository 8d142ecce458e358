"""What a tableau declares, proven: its order from the rooted trees, and how far it is stable.

Expand the exact solution and one step of the method in powers of h: both are sums over rooted
trees, each of which stands for one way to nest derivatives of f. A method is of order p if its
weights agree with the exact ones, 1 / gamma, for every tree of up to p nodes, whatever f is.
Source: Butcher (1963); Hairer, Nørsett and Wanner, Solving ODEs I, II.2.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad.errors import TableauError
from minigrad.ode.tableaus import Tableau, tableau
from minigrad.text import table

Floats = NDArray[np.float64]
Tree = tuple[Any, ...]  # the trees that hang on its root; () is a single node
TOLERANCE = 1e-13
HIGHEST = 9  # orders are looked for below


@cache
def rooted_trees(nodes: int) -> tuple[Tree, ...]:
    """All rooted trees of so many nodes: 1, 1, 2, 4, 9, 20, 48, 115 of them for 1 to 8.

    >>> [len(rooted_trees(nodes)) for nodes in range(1, 9)]
    [1, 1, 2, 4, 9, 20, 48, 115]
    """
    return tuple(_forests(nodes - 1, nodes - 1))


def _forests(nodes: int, largest: int) -> Iterator[Tree]:
    """All multisets of trees with so many nodes together, none of more than `largest` nodes."""
    if nodes == 0:
        yield ()
    for size in range(min(nodes, largest), 0, -1):
        for count in range(nodes // size, 0, -1):
            for trees in combinations_with_replacement(rooted_trees(size), count):
                for rest in _forests(nodes - size * count, size - 1):
                    yield (*trees, *rest)


def density(tree: Tree) -> int:
    """gamma: the number of nodes, times the gammas of the trees that hang on the root."""
    product = _size(tree)
    for branch in tree:
        product *= density(branch)
    return product


def _size(tree: Tree) -> int:
    return 1 + sum(map(_size, tree))


def elementary(A: Floats, tree: Tree) -> Floats:
    """Phi: for each stage, the product over the branches of A Phi(branch); ones for a node."""
    product = np.ones(len(A))
    for branch in tree:
        product = product * (A @ elementary(A, branch))
    return product


def residuals(A: Floats, weights: Floats, nodes: int) -> Floats:
    """weights . Phi - 1 / gamma for each tree of so many nodes: zeros if the order is reached."""
    return np.array([
        weights @ elementary(A, tree) - 1 / density(tree) for tree in rooted_trees(nodes)
    ])  # fmt: skip


def order_of(A: Floats, weights: Floats) -> tuple[int, float]:
    """The order that the weights have, and the largest residual at the next."""
    for nodes in range(1, HIGHEST + 1):
        largest = float(np.abs(residuals(A, weights, nodes)).max())
        if largest > TOLERANCE:
            return nodes - 1, largest
    return HIGHEST, 0.0


@dataclass(frozen=True)
class OrderReport:
    """What `check` found of a tableau; printed, a table.

    `order`, `embedded_order`: proven; `next_residual`: how far the next order is missed.
    `real`, `imaginary`: the stability interval, the largest z with |R| <= 1 on [-z, 0] and
    on [-iz, iz], for the growth R(h lambda) of x' = lambda x in one step.
    """

    name: str
    order: int
    next_residual: float
    embedded_order: int | None
    row_sums: float
    real: float
    imaginary: float

    def __str__(self) -> str:
        return table(
            ("tableau", "order", "missed next by", "embedded", "row sums off", "stable, real",
             "imaginary"),
            [(self.name, self.order, f"{self.next_residual:.3e}", self.embedded_order or "",
              f"{self.row_sums:.0e}", f"{self.real:.4f}", f"{self.imaginary:.4f}")],
        )  # fmt: skip


def check(method: str | Tableau) -> OrderReport:
    """Prove what a tableau declares; TableauError names the order, the residual, or the row.

    >>> print(check("rk4"))
    tableau  order  missed next by  embedded  row sums off  stable, real  imaginary
    -------  -----  --------------  --------  ------------  ------------  ---------
    rk4          4       1.250e-02                   0e+00        2.7853     2.8284
    """
    method = tableau(method)
    A, off = method.matrix, np.abs(method.matrix.sum(axis=1) - method.nodes)
    if off.max() > TOLERANCE:
        row = int(off.argmax())
        raise TableauError(
            f"{method.name}: row {row + 1} of A sums to {A[row].sum():.15g}, "
            f"its node c is {method.nodes[row]:.15g}"
        )
    order, following = _declared(method.name, A, method.weights, method.order, "the weights b")
    embedded = None
    if method.embedded is not None and method.embedded_order is not None:
        weights = np.array(method.embedded, np.float64)
        what = "the embedded weights"
        embedded, _ = _declared(method.name, A, weights, method.embedded_order, what)
    if method.third is not None:
        _declared(method.name, A, np.array(method.third, np.float64), 1, "the third weights")
    return OrderReport(
        method.name,
        order,
        following,
        embedded,
        float(off.max()),
        stability_interval(method, -1.0),
        stability_interval(method, 1.0j),
    )


def _declared(name: str, A: Floats, weights: Floats, order: int, what: str) -> tuple[int, float]:
    found, missed = order_of(A, weights)
    if found < order:
        raise TableauError(
            f"{name}: {what} declare order {order} and have order {found}; a condition of order "
            f"{found + 1} is missed by {missed:.3e}"
        )
    return found, missed


def growth(method: Tableau) -> Floats:
    """The polynomial R(z) = 1 + sum_k b . A^(k-1) 1 z^k of one step of x' = lambda x, z = h lambda.

    Its coefficients, from z^0 on: (s + 1,).
    """
    powers, coefficients = np.ones(method.stages), [1.0]
    for _ in range(method.stages):
        coefficients.append(float(method.weights @ powers))
        powers = method.matrix @ powers
    return np.array(coefficients)


def stability_interval(method: Tableau, direction: complex) -> float:
    """How far |R(z)| <= 1 holds on the ray from 0 in that direction, -1 or 1j; 0 if not at all."""
    ray = np.polynomial.Polynomial(growth(method) * direction ** np.arange(method.stages + 1))
    conjugate = np.polynomial.Polynomial(ray.coef.conj())
    excess = np.polynomial.Polynomial((ray * conjugate).coef.real) - 1.0  # |R|^2 - 1 along the ray
    first = next((a for a in excess.coef.tolist() if abs(a) > 1e-12), -1.0)
    if first > 0:  # it grows from the start, however slowly
        return 0.0
    grid = np.linspace(0, 4.0 * method.stages, 100_001)
    outside = np.flatnonzero(np.asarray(excess(grid[1:])) > 1e-9)
    if not outside.size:
        return float("inf")
    low, high = grid[outside[0]], grid[outside[0] + 1]
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if float(excess(middle)) <= 0 else (low, middle)
    return float(low)
