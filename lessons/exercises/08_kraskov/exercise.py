# %% [markdown]
# # Exercise 8: information from neighbours
#
# How much does x tell of y, when both are real numbers, and all there is are samples? Go from a
# sample to its k-th neighbour in both together. How many samples are as near in x alone, and in y
# alone? If x and y have nothing to do with each other, many are near in one and far in the other.
# If y follows from x, hardly any are. Kraskov, Stögbauer and Grassberger (2004) made that an
# estimate of $I(X;Y)$; this is their first algorithm.
#
# - The distance of two samples in x is the greatest difference in any column, $d^x_{ij} = \max_c
#   |x_{ic} - x_{jc}|$; in y likewise. In both together it is the greater one of the two.
# - $r_i$ is the distance, in both together, from sample i to its k-th nearest *other* sample.
# - $n_x(i)$ is how many other samples have $d^x_{ij} < r_i$, strictly: nearer, not as near.
#   $n_y(i)$ is the same in y.
#
# $$I(X;Y) = \psi(k) + \psi(N) - \frac{1}{N} \sum_{i=1}^N
# \big[ \psi(n_x(i) + 1) + \psi(n_y(i) + 1) \big]$$
#
# in nats. x and y are taken as they are, nothing is scaled, and no two distances are equal by
# chance. A negative estimate is no mistake: it is returned as it is. $\psi$, the digamma function,
# is near the logarithm, and for whole numbers it is a sum. It is there already. N is small here, so
# that tables of N x N distances fit into memory.

# %%
import numpy as np


def digamma(n):
    """psi(n) = 1 + 1/2 + ... + 1/(n - 1) - 0.5772, of a whole number or an array of them.

    psi(1) = -0.5772; psi(0) is minus infinity.
    """
    sums = np.cumsum(1 / np.arange(1, np.max(n)))
    return np.concatenate([[-np.inf, 0], sums])[n] - np.euler_gamma


def kraskov(x, y, k):
    """I(X;Y) in nats by k nearest neighbours, the formula above.

    x: (N, p), y: (N, q), a sample a row; k: a whole number from 1 to N - 1  ->  a number
    """
    # >>> yours
    dx = np.abs(x[:, None] - x).max(axis=2)
    dy = np.abs(y[:, None] - y).max(axis=2)
    r = np.sort(np.maximum(dx, dy), axis=1)[:, [k]]  # the nearest one is the sample itself
    n_x = (dx < r).sum(axis=1) - 1
    n_y = (dy < r).sum(axis=1) - 1
    return digamma(k) + digamma(len(x)) - np.mean(digamma(n_x + 1) + digamma(n_y + 1))
    # <<<


# %% [markdown]
# ## Put it to use: a truth to be held against
#
# Of two normal variables with correlation $\rho$ the information is known: $-\frac{1}{2} \ln(1 -
# \rho^2)$. The picture shows what you say of 300 samples, ten times each, beside that. The
# package's own `kraskov` finds neighbours by a tree, and should say the same.

# %%
if __name__ == "__main__":
    from minigrad import information
    from minigrad.lesson import show
    from minigrad.plots.axes import axes

    rng = np.random.default_rng(8)
    correlations, repeats = np.array([0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95]), 10
    mine = np.empty((len(correlations), repeats))
    package = np.empty_like(mine)
    for i, rho in enumerate(correlations):
        for repeat in range(repeats):
            x, noise = rng.standard_normal((2, 300, 1))
            y = rho * x + np.sqrt(1 - rho**2) * noise
            mine[i, repeat] = kraskov(x, y, 3)
            package[i, repeat] = float(information.kraskov(x, y, 3))
    truth = -np.log(1 - correlations**2) / 2
    print(f"furthest from the package's own: {np.abs(mine - package).max():.0e} nats")
    print(f"mean of ten, furthest from the truth: {np.abs(mine.mean(axis=1) - truth).max():.2f}")

    ax = axes(size=(6.4, 4.0))
    fine = np.linspace(0, 0.97, 200)
    formula = r"truth, $-\frac{1}{2} \ln(1 - \rho^2)$"
    ax.plot(fine, -np.log(1 - fine**2) / 2, "k", linewidth=1, label=formula)
    ax.plot(correlations, mine, "C0.", alpha=0.5)
    ax.plot([], [], "C0.", label="yours, of 300 samples")
    ax.plot(
        correlations, package.mean(axis=1), "C1o", fillstyle="none", label="package, mean of 10"
    )
    ax.set(xlabel="correlation $\\rho$", ylabel="I(X;Y) (nats)", title="Two normal variables")
    ax.legend(frameon=False)
    show(ax, "08_kraskov")
