# %% [markdown]
# # Exercise 15: Oja's rule, and Sanger's
#
# A unit answers $y = \sum_j w_j x_j$. What fires together wires together: by Hebb's rule $w$ grows
# along $y\,x$, and without end. Oja divides by the length after every step and keeps what is of
# first order in the rate $\eta$. What is left to write is
#
# $$w_j \leftarrow w_j + \eta\, y\, (x_j - y\, w_j) .$$
#
# Nobody divides any more: the rule itself holds $|w|$ near 1, and turns $w$ towards the direction
# in which the samples vary most, their first principal axis.
#
# For several axes let there be several units, $y_i = \sum_j W_{ij} x_j$. Each learns from what the
# units before it and itself have left of $x$ (Sanger):
#
# $$W_{ij} \leftarrow W_{ij} + \eta\, y_i \Big( x_j - \sum_{l \le i} y_l W_{lj} \Big)$$
#
# Both rules learn from one sample, then from the next, in the order of the rows of X: each sample
# meets the weights that the one before it has left. Within one sample all is computed from the
# weights before the step, the old $y$ and the old $W$ of all units, and then all weights change at
# once.

# %%
import numpy as np


def oja(w, X, rate):
    """The weights of a unit after it has learned by Oja's rule from each row of X in turn.

    w: (n,), X: (samples, n), rate: a number  ->  (n,)
    w <- w + rate y (x - y w), y = w.x
    """
    # >>> yours
    for x in X:
        y = w @ x
        w = w + rate * y * (x - y * w)
    return w
    # <<<


def sanger(W, X, rate):
    """The weights of m units after they have learned by Sanger's rule from each row of X in turn.

    W: (m, n), a row a unit, X: (samples, n), rate: a number  ->  (m, n)
    W_i <- W_i + rate y_i (x - sum of y_l W_l over l <= i), y = W x
    """
    # >>> yours
    for x in X:
        y = W @ x
        known = np.cumsum(y[:, None] * W, axis=0)
        W = W + rate * y[:, None] * (x - known)
    return W
    # <<<


# %% [markdown]
# ## Put it to use: the axes of a cloud, and of digits
#
# On the left single units learn a flat cloud by your first function, each from a direction and a
# length of its own. All of them come to the axis, and to length 1; either end of it will do, and
# with a rate that stays the same they go on trembling there. On the right three units of the
# package's layer learn six thousand digits by your second function, four times, with a rate that
# falls. Above them stands what numpy computes from all digits at once.

# %%
if __name__ == "__main__":
    from minigrad import data
    from minigrad.hebbian import Oja, Sanger
    from minigrad.lesson import show
    from minigrad.plots import image_grid
    from minigrad.plots.axes import figure

    class Mine(Sanger):
        """The package's layer, with the rule of this exercise."""

        def update(self, x):
            y = self.W @ x
            self.seen += 1
            self.W = sanger(self.W, x[None, :], self.rate(self.seen[0]))
            return y

    def axes_of(X):
        """The principal axes, (n, n), a row each, the first one first."""
        return np.linalg.eigh(X.T @ X)[1].T[::-1]

    rng = np.random.default_rng(15)
    turn = np.array([[np.cos(0.6), np.sin(0.6)], [-np.sin(0.6), np.cos(0.6)]])
    cloud = rng.normal(size=(800, 2)) * [1.0, 0.35] @ turn
    first = axes_of(cloud)[0]
    package = Oja(2, rate=0.02, start=np.array([[1.0, 0.0]]))
    package.learn(cloud)
    off = np.abs(oja(np.array([1.0, 0.0]), cloud, 0.02) - package.W[0]).max()
    print(f"your rule and the package's layer, 800 samples: {off:.0e} apart")

    drawn = figure((9.4, 4.2))
    left, right = drawn.subplots(1, 2, width_ratios=(1, 1.1))
    left.scatter(*cloud.T, s=6, color="0.75")
    left.axline((0, 0), first, color="k", linestyle=":", linewidth=1, label="first principal axis")
    around = np.linspace(0, 2 * np.pi, 100)
    left.plot(np.cos(around), np.sin(around), color="0.4", linewidth=1, label="length 1")
    ends = []
    for i, start in enumerate(([0.3, -0.4], [-0.1, 0.9], [-1.2, -1.3], [1.3, -1.2])):
        path = [np.array(start)]
        for x in cloud:
            path.append(oja(path[-1], x[None, :], 0.02))
        w = path[-1]
        ends.append((np.linalg.norm(w), np.degrees(np.arccos(abs(w @ first) / np.linalg.norm(w)))))
        left.plot(*np.array(path).T, color=f"C{i}", label=None if i else "paths of $w$")
        left.plot(*w, "o", color=f"C{i}", markeredgecolor="k", zorder=3)
    length, angle = np.array(ends).T
    print(
        f"four units: length {length.min():.3f} to {length.max():.3f}, {angle.min():.2f} to "
        f"{angle.max():.2f} degrees from the first principal axis"
    )
    left.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal", xlim=(-2.6, 2.6), ylim=(-2.6, 2.6))
    left.legend(frameon=False, loc="upper left")

    digits = data.digits()[0].resize(14).x
    digits = digits - digits.mean(axis=0)
    units = Mine(196, 3, rate=lambda t: 20 / (2000 + t), rng=1)
    for _ in range(4):
        units.learn(digits[rng.permutation(len(digits))])
    basis = axes_of(digits)[:3]
    cosines = (units.W * basis).sum(axis=1) / np.linalg.norm(units.W, axis=1)
    print("digits: cosines with numpy's axes", ", ".join(f"{abs(c):.3f}" for c in cosines))
    both = np.concatenate([basis, units.W * np.sign(cosines)[:, None]])
    captions = [f"axis {i + 1}" for i in range(3)] + [f"cos {abs(c):.3f}" for c in cosines]
    image_grid(both, (14, 14), captions, columns=3, ax=right, cmap="RdBu_r", vmin=-0.2, vmax=0.2)
    right.set_title("digits: by numpy (above), learned (below)", fontsize="medium")
    show(drawn, "15_oja")
