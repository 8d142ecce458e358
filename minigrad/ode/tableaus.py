"""Explicit Runge-Kutta methods as data: a small table each, with its name, its source, its order.

One step of a method takes slopes k_i at s places and goes along a mean of them:

    k_i = f(t + c_i h, x + h sum_{j<i} a_ij k_j),    x(t + h) = x + h sum_i b_i k_i.

A second row of weights gives a second answer of another order, whose difference from the first
measures the error. What a table declares, `check` proves (`order`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Tableau:
    """An explicit method of s stages: A strictly lower triangular, by rows; weights b and nodes c.

    `order`: declared, of b. `embedded`: other weights, of order `embedded_order`, for the error;
    `third`: yet others, whose error keeps that of a high order in check. c: the row sums of A,
    unless given. Raises ValueError for shapes that do not fit.
    """

    name: str
    order: int
    A: Sequence[Sequence[float]]
    b: Sequence[float]
    embedded: Sequence[float] | None = None
    embedded_order: int | None = None
    third: Sequence[float] | None = None
    c: Sequence[float] | None = None
    source: str = ""

    def __post_init__(self) -> None:
        s = len(self.b)
        if [len(row) for row in self.A] != list(range(s)):
            raise ValueError(
                f"{self.name}: A of an explicit method of {s} stages has rows of 0, 1, ... "
                f"{s - 1} numbers, came {[len(row) for row in self.A]}"
            )
        for name in ("embedded", "third", "c"):
            row = getattr(self, name)
            if row is not None and len(row) != s:
                raise ValueError(f"{self.name}: {name} has {len(row)} numbers, expected {s}")
        if (self.embedded is None) != (self.embedded_order is None):
            raise ValueError(f"{self.name}: embedded weights and their order come together")
        numbers = [*self.weights, *self.nodes, *self.matrix.ravel(), *np.ravel(self.errors)]
        if not np.isfinite(numbers).all():
            raise ValueError(f"{self.name}: its numbers must be finite")
        if any(not row.any() for row in self.errors):
            raise ValueError(f"{self.name}: embedded weights equal to b see no error at all")

    @property
    def stages(self) -> int:
        """How many slopes a step takes."""
        return len(self.b)

    @cached_property
    def matrix(self) -> Floats:
        """A as (s, s), zeros on and above the diagonal."""
        full = np.zeros((self.stages, self.stages))
        for i, row in enumerate(self.A):
            full[i, :i] = row
        return full

    @cached_property
    def weights(self) -> Floats:
        """b as (s,)."""
        return np.array(self.b, np.float64)

    @cached_property
    def nodes(self) -> Floats:
        """c as (s,)."""
        return self.matrix.sum(axis=1) if self.c is None else np.array(self.c, np.float64)

    @cached_property
    def errors(self) -> list[Floats]:
        """b less the embedded weights, and less the third ones: what measures the error."""
        rows = [row for row in (self.embedded, self.third) if row is not None]
        return [self.weights - np.array(row, np.float64) for row in rows]

    @cached_property
    def first_same_as_last(self) -> bool:
        """Whether the last slope of a step is the first of the next: one evaluation saved."""
        return self.stages > 1 and bool(
            (self.matrix[-1] == self.weights).all() and abs(self.nodes[-1] - 1) < 1e-12
        )

    def __str__(self) -> str:
        order = f"{self.order}({self.embedded_order})" if self.embedded else f"{self.order}"
        return f"{self.name}, order {order}, {self.stages} stages"


TABLEAUS = (
    Tableau("euler", 1, [[]], [1], source="Euler (1768)"),
    Tableau("midpoint", 2, [[], [1 / 2]], [0, 1], source="Runge (1895)"),
    Tableau("heun", 2, [[], [1]], [1 / 2, 1 / 2], [1, 0], 1, source="Heun (1900)"),
    Tableau("ralston", 2, [[], [2 / 3]], [1 / 4, 3 / 4], [1, 0], 1, source="Ralston (1962)"),
    Tableau(
        "bosh3",
        3,
        [[], [1 / 2], [0, 3 / 4], [2 / 9, 1 / 3, 4 / 9]],
        [2 / 9, 1 / 3, 4 / 9, 0],
        [7 / 24, 1 / 4, 1 / 3, 1 / 8],
        2,
        source="Bogacki and Shampine (1989)",
    ),
    Tableau(
        "rk4",
        4,
        [[], [1 / 2], [0, 1 / 2], [0, 0, 1]],
        [1 / 6, 1 / 3, 1 / 3, 1 / 6],
        source="Kutta (1901)",
    ),
    Tableau(
        "rk38",
        4,
        [[], [1 / 3], [-1 / 3, 1], [1, -1, 1]],
        [1 / 8, 3 / 8, 3 / 8, 1 / 8],
        source="Kutta (1901), the 3/8 rule",
    ),
    Tableau(
        "fehlberg45",
        5,
        [
            [],
            [1 / 4],
            [3 / 32, 9 / 32],
            [1932 / 2197, -7200 / 2197, 7296 / 2197],
            [439 / 216, -8, 3680 / 513, -845 / 4104],
            [-8 / 27, 2, -3544 / 2565, 1859 / 4104, -11 / 40],
        ],
        [16 / 135, 0, 6656 / 12825, 28561 / 56430, -9 / 50, 2 / 55],
        [25 / 216, 0, 1408 / 2565, 2197 / 4104, -1 / 5, 0],
        4,
        source="Fehlberg (1969); the weights of order 5 advance",
    ),
    Tableau(
        "cash-karp",
        5,
        [
            [],
            [1 / 5],
            [3 / 40, 9 / 40],
            [3 / 10, -9 / 10, 6 / 5],
            [-11 / 54, 5 / 2, -70 / 27, 35 / 27],
            [1631 / 55296, 175 / 512, 575 / 13824, 44275 / 110592, 253 / 4096],
        ],
        [37 / 378, 0, 250 / 621, 125 / 594, 0, 512 / 1771],
        [2825 / 27648, 0, 18575 / 48384, 13525 / 55296, 277 / 14336, 1 / 4],
        4,
        source="Cash and Karp (1990)",
    ),
    Tableau(
        "dopri5",
        5,
        [
            [],
            [1 / 5],
            [3 / 40, 9 / 40],
            [44 / 45, -56 / 15, 32 / 9],
            [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
            [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
            [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
        ],
        [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84, 0],
        [5179 / 57600, 0, 7571 / 16695, 393 / 640, -92097 / 339200, 187 / 2100, 1 / 40],
        4,
        source="Dormand and Prince (1980)",
    ),
    Tableau(
        "tsit5",
        5,
        [
            [],
            [0.161],
            [-0.008480655492356989, 0.335480655492357],
            [2.8971530571054935, -6.359448489975075, 4.3622954328695815],
            [5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525],
            [
                5.86145544294642,
                -12.92096931784711,
                8.159367898576159,
                -0.071584973281401,
                -0.028269050394068383,
            ],
            [
                0.09646076681806523,
                0.01,
                0.4798896504144996,
                1.379008574103742,
                -3.290069515436081,
                2.324710524099774,
            ],
        ],
        [
            0.09646076681806523,
            0.01,
            0.4798896504144996,
            1.379008574103742,
            -3.290069515436081,
            2.324710524099774,
            0,
        ],
        [
            0.09468075576583945,
            0.009183565540343254,
            0.4877705284247616,
            1.234297566930479,
            -2.707712349983526,
            1.866628418170587,
            0.01515151515151515,
        ],
        4,
        source="Tsitouras (2011)",
    ),
    Tableau(
        "dop853",
        8,
        [
            [],
            [0.05260015195876773],
            [0.0197250569845379, 0.0591751709536137],
            [0.02958758547680685, 0, 0.08876275643042054],
            [0.2413651341592667, 0, -0.8845494793282861, 0.924834003261792],
            [0.037037037037037035, 0, 0, 0.17082860872947386, 0.12546768756682242],
            [0.037109375, 0, 0, 0.17025221101954405, 0.06021653898045596, -0.017578125],
            [
                0.03709200011850479,
                0,
                0,
                0.17038392571223998,
                0.10726203044637328,
                -0.015319437748624402,
                0.008273789163814023,
            ],
            [
                0.6241109587160757,
                0,
                0,
                -3.3608926294469414,
                -0.868219346841726,
                27.59209969944671,
                20.154067550477894,
                -43.48988418106996,
            ],
            [
                0.47766253643826434,
                0,
                0,
                -2.4881146199716677,
                -0.590290826836843,
                21.230051448181193,
                15.279233632882423,
                -33.28821096898486,
                -0.020331201708508627,
            ],
            [
                -0.9371424300859873,
                0,
                0,
                5.186372428844064,
                1.0914373489967295,
                -8.149787010746927,
                -18.52006565999696,
                22.739487099350505,
                2.4936055526796523,
                -3.0467644718982196,
            ],
            [
                2.273310147516538,
                0,
                0,
                -10.53449546673725,
                -2.0008720582248625,
                -17.9589318631188,
                27.94888452941996,
                -2.8589982771350235,
                -8.87285693353063,
                12.360567175794303,
                0.6433927460157636,
            ],
        ],
        [
            0.054293734116568765,
            0,
            0,
            0,
            0,
            4.450312892752409,
            1.8915178993145003,
            -5.801203960010585,
            0.3111643669578199,
            -0.1521609496625161,
            0.20136540080403034,
            0.04471061572777259,
        ],
        [
            0.04117368912237389,
            0,
            0,
            0,
            0,
            5.675469339128614,
            2.3872768489717506,
            -7.465581142465571,
            0.6614932157077935,
            -0.48634006837553356,
            0.11944219431891463,
            0.06706592359165889,
        ],
        5,
        third=[
            0.2440944881889764,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0.7338466882816118,
            0,
            0,
            0.022058823529411766,
        ],
        source="Dormand and Prince, with the estimators of Hairer, Nørsett and Wanner (1993)",
    ),
)
BY_NAME: Mapping[str, Tableau] = {tableau.name: tableau for tableau in TABLEAUS}


def tableau(name: str | Tableau) -> Tableau:
    """The tableau of that name, or itself; ValueError lists the names."""
    if isinstance(name, Tableau):
        return name
    if name not in BY_NAME:
        raise ValueError(
            f"unknown method {name!r}: expected one of {', '.join(BY_NAME)} (solve also takes "
            "verlet and tr-bdf2, which are no tableaus)"
        )
    return BY_NAME[name]
