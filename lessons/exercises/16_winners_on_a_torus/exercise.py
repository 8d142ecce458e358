# %% [markdown]
# # Exercise 16: winners on a torus
#
# Units compete for an image, and only the winners learn from it. Neighbours help each other to win,
# and so come to be alike: a map. There are two functions to write, one for each of these.
#
# **Excitation.** The units stand on a torus of rows x columns places: unit number $i$ in row
# $i$ // columns and column $i$ % columns, and whoever leaves on one side comes in on the other. The
# neighbours of a unit are the others in the box of side 2 radius + 1 around it: at most `radius`
# rows and at most `radius` columns away, the shorter way around. Both sides of the torus are at
# least 2 radius + 1, so that nobody is met twice. With $p$ for what the units answer, and a
# strength $\ell$, they compete by
#
# $$c_i = p_i + \ell\, \langle p \rangle_{\text{neighbours of } i}$$
#
# where $\langle\ \rangle$ is the mean, the sum divided by how many they are.
#
# **Learning.** An image $v$ comes; by which $c$ the units compete for it is given. In this order:
#
# 1. Each unit answers, $p_i = \sum_j W_{ij} v_j$.
# 2. The $k$ units of the largest $c$ win; no two $c$ are equal. A winner is active with what it
#    answers itself, $a_i = p_i$, for the excitation has no part in it but to choose. All others
#    have $a_i = 0$.
# 3. What the winners together make of the image is $r_j = \sum_i a_i W_{ij}$.
# 4. Each winner learns what is missing, every weight in proportion to itself:
#
# $$W_{ij} \leftarrow W_{ij} \Big(1 + \eta\, a_i \frac{v_j - r_j}{\max(r_j, 10^{-10})}\Big)$$
#
# $a$ and $r$ are those of the old weights, so that all winners learn at once. W is not changed in
# place: return a new array. (Weights and images are never negative. The maximum matters for an
# image without ink alone: nobody learns from it.)

# %%
import numpy as np


def excite(p, rows, columns, radius, strength):
    """What units on a torus compete by: p + strength * (mean of p over the neighbours).

    p: (rows * columns,), row by row; radius: 1 or more, strength: a number  ->  (rows * columns,)
    """
    # >>> yours
    grid = p.reshape(rows, columns)
    shifts = range(-radius, radius + 1)
    box = sum(np.roll(grid, (down, across), axis=(0, 1)) for down in shifts for across in shifts)
    mean = (box - grid) / ((2 * radius + 1) ** 2 - 1)
    return p + strength * mean.ravel()
    # <<<


def learn(W, v, c, k, rate):
    """The weights after the k units of the largest c have learned the image v, and who was active.

    W: (m, n), a row a unit, v: (n,), c: (m,), k: how many win, rate: a number
    ->  W: (m, n), a new array, a: (m,), the activities
    """
    # >>> yours
    p = W @ v
    won = np.argsort(c)[-k:]
    a = np.zeros(len(p))
    a[won] = p[won]
    r = a @ W
    missing = (v - r) / np.maximum(r, 1e-10)
    return W + rate * W * np.outer(a, missing), a
    # <<<


# %% [markdown]
# ## Put it to use: a map of strokes
#
# Round windows are cut out of digits, wherever the ink has its middle in that of the window. So
# they show strokes, and what tells these apart is above all how they run. Your functions become a
# sparse layer of the package. Its units begin as noise and know of no direction; in the end those
# who stand side by side like strokes that run nearly alike. On the right each unit has the colour
# of its direction. Whatever goes on past one edge of the picture comes in at the other.

# %%
if __name__ == "__main__":
    from minigrad import data, plots
    from minigrad.hebbian import SparseLayer, patches
    from minigrad.lesson import show
    from minigrad.plots.axes import figure

    class Mine(SparseLayer):
        """The package's layer, with the excitation and the rule of this exercise."""

        def update(self, x):
            c = excite(self.W @ x, *self.torus.side, self.torus.radius, self.lateral)
            self.W, a = learn(self.W, x, c, self.k, self.rate)
            self.wins += a > 0
            return a / self.sums()

    def alike(layer):
        """The mean cosine of the weights of neighbours, less the mean of all weights."""
        W = layer.W - layer.W.mean(axis=0)
        W = W / np.linalg.norm(W, axis=1, keepdims=True)
        near = layer.torus.matrix()
        return (W @ W.T * near).sum() / near.sum()

    SIDE, SIZE = (12, 16), 9
    at = np.arange(SIZE) - SIZE // 2
    x, y = (axis.ravel() for axis in np.meshgrid(at, -at))
    seen = patches(data.digits()[0].images, SIZE, 40_000, rng=1) * (x**2 + y**2 <= (SIZE / 2) ** 2)
    ink = seen.sum(axis=1)
    seen, ink = seen[ink > 12], ink[ink > 12]
    seen = seen[np.maximum(abs(seen @ x), abs(seen @ y)) < 0.6 * ink]

    how = {"side": SIDE, "k": 8, "rate": 0.03, "rng": 2}
    mine, package, alone = (
        kind(SIZE**2, lateral=lateral, **how)
        for kind, lateral in ((Mine, 2.5), (SparseLayer, 2.5), (SparseLayer, 0.0))
    )
    before = alike(mine)
    for layer in (mine, package, alone):
        for _ in range(2):
            layer.learn(seen)
    print(
        f"neighbours before: cosine {before:.3f}, after {len(seen)} strokes, twice: "
        f"{alike(mine):.3f}; without excitation {alike(alone):.3f}"
    )
    print(f"your weights and the package's are {np.abs(mine.W - package.W).max():.0e} apart")

    ink = mine.W / mine.W.sum(axis=1, keepdims=True)
    place = x + 1j * y - (ink @ (x + 1j * y))[:, None]
    runs = np.degrees(np.angle((ink * place**2).sum(axis=1)) / 2)  # along the larger axis
    turned = np.abs((runs[:, None] - runs + 90) % 180 - 90)
    near = mine.torus.matrix()
    print(
        f"directions of neighbours are {(turned * near).sum() / near.sum():.0f} degrees apart, "
        f"of any two units {turned.mean():.0f}"
    )
    drawn = figure((11.0, 4.0))
    left, right = drawn.subplots(1, 2, width_ratios=(1.1, 1))
    plots.weight_tapestry(mine, (SIZE, SIZE), ax=left)
    plots.torus_features(runs, SIDE, ax=right, name="direction of the stroke (degrees)")
    right.images[0].set(cmap="twilight", clim=(-90, 90))
    right.images[0].colorbar.set_ticks(range(-90, 91, 45))
    show(drawn, "16_winners_on_a_torus")
