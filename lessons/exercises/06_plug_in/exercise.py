# %% [markdown]
# # Exercise 6: count, divide, and put it into the formula
#
# How much does one number tell of another, such as the output t of a unit of the label y? From
# samples: put t into bins, count how often every pair of bin and label occurs, and take shares for
# probabilities. That is the *plug-in* estimate of the mutual information, in three steps.
#
# **Bins.** From low to high, all of the width w = (high - low) / bins, numbered from 0:
# t lies in the bin k if $\text{low} + k w \le t < \text{low} + (k + 1) w$, so that a t just at an
# edge lies in the bin above it. What is below low goes into the first bin, what is at high or above
# it into the last: none may be lost, none may appear elsewhere. The k are whole numbers.
#
# **Counts.** $n_{ab}$ is how often x was a while y was b: whole numbers, $N = \sum_{ab} n_{ab}$.
#
# **Information**, in nats (ln is the natural logarithm),
#
# $$I(X;Y) = \sum_{ab} p_{ab} \ln \frac{p_{ab}}{p_a \, p_b}, \qquad p_{ab} = \frac{n_{ab}}{N},
# \quad p_a = \sum_b p_{ab}, \quad p_b = \sum_a p_{ab}.$$
#
# A pair that never occurs adds nothing, for $p \ln p \to 0$ as $p \to 0$; a whole row or column of
# the counts may be empty. Every pair that does occur adds its term, however rare it is.

# %%
import numpy as np


def binned(t, low, high, bins):
    """The bin of every number in t: (N,) -> (N,), integers from 0 to bins - 1."""
    # >>> yours
    k = np.floor((t - low) / (high - low) * bins).astype(int)
    return np.clip(k, 0, bins - 1)
    # <<<


def counted(x, y, rows, columns):
    """n[a, b], how often x == a while y == b: (N,), (N,) -> (rows, columns), integers.

    x: integers from 0 to rows - 1, y: integers from 0 to columns - 1
    """
    # >>> yours
    n = np.zeros((rows, columns), int)
    np.add.at(n, (x, y), 1)
    return n
    # <<<


def plug_in(n):
    """I(X;Y) in nats, sum p_ab ln(p_ab / p_a p_b), from counts n (rows, columns)."""
    # >>> yours
    p = n / n.sum()
    independent = np.outer(p.sum(axis=1), p.sum(axis=0))
    seen = n > 0
    return (p[seen] * np.log(p[seen] / independent[seen])).sum()
    # <<<


# %% [markdown]
# ## Put it to use: what the ruler makes of a layer
#
# A network learns XOR, and your functions watch its hidden layer: two units, each in so many bins,
# and what the pair of bins tells of the label. There is $\ln 2$ to be told. With few bins you see
# it come. With 100 along each unit nearly every sample is alone in its cell, and a cell with one
# sample "knows" its label, any label: that curve is high before anything is learned, and with the
# labels shuffled as well. (How to see through that is exercise 7.)

# %%
if __name__ == "__main__":
    from minigrad import Adam, Affinity, Map, Network, data, information
    from minigrad.lesson import show
    from minigrad.plots.axes import axes

    points = data.xor_grid(500, rng=1)
    net = Network(Affinity(2, 8, rng=2), Map("tanh"), Affinity(8, 2, rng=3), Map("tanh"))
    net.extend(Affinity(2, 2, rng=4))
    epochs, curves, gap = np.arange(41), {4: [], 10: [], 30: [], 100: []}, 0.0

    def hidden(net):
        t = points.x
        for layer in net.layers[:4]:
            t = layer(t)
        return t

    def told(t, labels, bins):
        first, second = (binned(unit, -1, 1, bins) for unit in t.T)
        return plug_in(counted(first * bins + second, labels, bins**2, 2))

    def watch(net, history=None):
        global gap
        t = hidden(net)
        for bins, curve in curves.items():
            curve.append(told(t, points.labels, bins))
            ruler = information.Bins(bins, low=-1, high=1)
            gap = max(gap, abs(curve[-1] - information.plug_in(t, points.labels, ruler).value))

    watch(net)
    shuffled = told(hidden(net), np.random.default_rng(6).permutation(points.labels), 100)
    net.fit(
        points.x, points.labels, len(epochs) - 1, 10, "softmax_cross_entropy", Adam(0.01), 5,
        callbacks=[watch],
    )  # fmt: skip
    print(f"XOR: {net.accuracy(points.x, points.labels):.0%} right after {epochs[-1]} epochs")
    print(f"I(T;Y) before learning: {curves[4][0]:.2f} nats in 4 bins, {curves[100][0]:.2f} in 100")
    print(f"in 100 bins with the labels shuffled: {shuffled:.2f}")
    print(f"furthest from the package's plug_in: {gap:.0e}")

    ax = axes(size=(6.4, 4.2))
    for bins, curve in curves.items():
        ax.plot(epochs, curve, label=f"{bins} bins a unit")
    ax.axhline(np.log(2), color="black", linestyle=":", label="all there is, ln 2")
    ax.set(xlabel="epoch", ylabel="I(T;Y) by plug-in (nats)", ylim=(0, 0.75))
    ax.set_title("one network, four rulers")
    ax.legend(frameon=False, loc="lower right")
    show(ax, "06_plug_in")
