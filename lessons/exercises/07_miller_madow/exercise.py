# %% [markdown]
# # Exercise 7: how much would it say of nothing?
#
# Information by plug-in (exercise 6) is too high: of N independent samples, it finds that they tell
# something of each other, by chance. Two remedies, from $n_{ab}$, how often x was a while y was b.
#
# **Take the bias off.** The entropy of shares, $-\sum p \ln p$, is too low by about $(K - 1) / 2N$,
# where K is the number of *occupied* cells, those with a count above 0. Miller and Madow add that,
#
# $$H = -\sum_{p > 0} p \ln p + \frac{K - 1}{2N}, \qquad p = \frac{n}{N},$$
#
# to each of the three entropies in $I(X;Y) = H(X) + H(Y) - H(X,Y)$, with the K of its own cells:
# those of H(X) are the sums of the rows of $n_{ab}$, those of H(Y) the sums of its columns, and
# those of H(X,Y) all its entries. ln is the natural logarithm, so that it is in nats. The result
# may be below 0, and is then returned as it is.
#
# **Ask.** Shuffle y, so that nothing is left to find, and estimate again. An *order* is a
# permutation of 0 to N - 1; the shuffle by it pairs x[i] with y[order[i]]. Over S orders, what the
# estimate says of nothing has a mean, the *level* of the null, and a standard deviation, its
# *spread*, $\sqrt{\sum_s (v_s - \text{level})^2 / (S - 1)}$. It works for any estimate; so yours is
# an argument, a function from a table of counts to a number.

# %%
import numpy as np


def miller_madow(n):
    """I(X;Y) in nats from counts n (rows, columns), + (K - 1) / 2N in each of the entropies."""
    # >>> yours
    N = n.sum()

    def entropy(n):
        p = n[n > 0] / N
        return -(p * np.log(p)).sum() + (len(p) - 1) / (2 * N)

    return entropy(n.sum(axis=1)) + entropy(n.sum(axis=0)) - entropy(n)
    # <<<


def null(estimate, x, y, orders):
    """What the estimate says of x and shuffled y: its mean and standard deviation over the orders.

    estimate: counts (x.max() + 1, y.max() + 1) -> a number, x, y: (N,) integers from 0,
    orders: (S, N), each row a permutation  ->  level, spread: numbers
    """
    # >>> yours
    values = []
    for order in orders:
        n = np.zeros((x.max() + 1, y.max() + 1))
        np.add.at(n, (x, y[order]), 1)
        values.append(estimate(n))
    return np.mean(values), np.std(values, ddof=1)
    # <<<


# %% [markdown]
# An estimate that your null is tried on. If y is guessed from x, each value of y as often as it
# came with that x, how often is the guess right? In few samples that, too, looks better than it is.


# %%
# >>> given
def guessed_right(n):
    """sum_ab n_ab / N * n_ab / n_a, with n_a the sum of the row a: from 0 to 1."""
    rows = np.maximum(n.sum(axis=1, keepdims=True), 1)
    return (n * n / rows).sum() / n.sum()


# <<<


# %% [markdown]
# ## Put it to use: what can so many samples tell?
#
# Two variables of ten values each: independent, and then alike in a third of the samples. With few
# samples the plain estimate is far above the truth of either, and its null says how far. The
# correction helps once there are a few samples a cell (there are 100 cells). With fewer it fails,
# and the null of the corrected estimate, far from 0, tells that it does.

# %%
if __name__ == "__main__":
    from minigrad.information import plug_in
    from minigrad.lesson import show
    from minigrad.plots.axes import figure

    def bare(n):
        pairs = np.repeat(np.argwhere(n), n[n > 0].astype(int), axis=0)
        return float(plug_in(pairs[:, 0], pairs[:, 1]))

    rng = np.random.default_rng(1)
    sizes, m, gap = np.array([30, 60, 100, 200, 400, 1000, 3000]), 10, 0.0
    drawn = figure((9.0, 4.2))
    for panel, share in zip(drawn.subplots(1, 2, sharey=True), (0, 1 / 3), strict=True):
        same, other = share + (1 - share) / m, (1 - share) / m
        truth = np.log(m) + same * np.log(same) + (m - 1) * other * np.log(other)
        rows = []
        for N in sizes:
            x, y = rng.integers(0, m, (2, N))
            y = np.where(rng.random(N) < share, x, y)
            n = np.zeros((m, m))
            np.add.at(n, (x, y), 1)
            by_package = float(plug_in(x, y, correction="miller-madow"))
            gap = max(gap, abs(miller_madow(n) - by_package))
            orders = np.array([rng.permutation(N) for _ in range(20)])
            nulls = (null(estimate, x, y, orders) for estimate in (bare, miller_madow))
            rows.append([bare(n), miller_madow(n), *np.ravel(list(nulls))])
        plain, corrected, *levels = np.transpose(rows)
        for colour, name, of, level, spread in (
            ("C0", "plug-in", plain, *levels[:2]),
            ("C1", "Miller-Madow", corrected, *levels[2:]),
        ):
            panel.plot(sizes, of, "o-", color=colour, label=name)
            panel.fill_between(
                sizes, level - 2 * spread, level + 2 * spread,
                color=colour, alpha=0.25, label="its null, ± 2 spreads",
            )  # fmt: skip
        panel.axhline(truth, color="black", linestyle=":", label="truth")
        panel.set_title("alike in a third" if share else "independent")
        panel.set(xscale="log", xlabel="samples")
        print(
            f"{sizes[1]} samples, truth {truth:.2f}: plug-in {plain[1]:.2f}, its null "
            f"{levels[0][1]:.2f}; Miller-Madow {corrected[1]:.2f}, its null {levels[2][1]:.2f}"
        )
    print(f"furthest from the package's Miller-Madow: {gap:.0e}")
    drawn.axes[0].set_ylabel("I(X;Y) (nats)")
    drawn.axes[1].legend(frameon=False)
    show(drawn, "07_miller_madow")
