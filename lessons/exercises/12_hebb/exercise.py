# %% [markdown]
# # Exercise 12: Hebb's rule, and the energy
#
# A pattern gives each of n units a value, -1 or 1. Hebb's rule couples two units a little more for
# each pattern in which they agree, a little less for each in which they do not. Over the p patterns
# $s^1, \dots, s^p$, with n the number of units,
#
# $$W_{ij} = \frac{1}{n} \sum_{\mu=1}^{p} s^\mu_i s^\mu_j \quad (i \neq j), \qquad W_{ii} = 0 :$$
#
# no unit is coupled to itself. Couplings W and biases b give every state x an energy,
#
# $$E(x) = -\frac{1}{2} \sum_{i} \sum_{j} x_i W_{ij} x_j - \sum_i b_i x_i ,$$
#
# and recall is going downhill. E is one number a state, whatever the other states of a batch are.
# Both sums run over all units, i = j as well: your energy is to be right for any W and any x,
# whether or not Hebb's rule and signs made them.

# %%
import numpy as np


def hebb(patterns):
    """The couplings in which Hebb's rule stores patterns, with nothing on the diagonal.

    patterns: (p, n), floats -1 and 1, a row a pattern  ->  W: (n, n)
    """
    # >>> yours
    n = patterns.shape[1]
    W = patterns.T @ patterns / n
    np.fill_diagonal(W, 0)
    return W
    # <<<


def energy(W, b, x):
    """The energy -x.Wx / 2 - b.x of each state of a batch.

    W: (n, n), b: (n,), x: (batch, n)  ->  E: (batch,)
    """
    # >>> yours
    pairs = np.sum(x * (x @ W.T), axis=1)
    return -pairs / 2 - x @ b
    # <<<


# %% [markdown]
# ## Put it to use: three letters at the bottom
#
# Your couplings go into the package, which updates one unit after the other, two sweeps through all
# of them, from letters with three tenths of the pixels flipped; your energy is taken after each
# unit. It never rises, and the letters lie at the bottom of valleys. A line that does not end where
# it should has found another letter, or a valley that nobody dug: with patterns their negatives and
# their mixtures are stored.

# %%
if __name__ == "__main__":
    from minigrad.hopfield import Couplings, flips
    from minigrad.lesson import show
    from minigrad.plots.axes import axes

    DRAWN = """
    ..##### .#####. #######
    ....##. ##...## #######
    ....##. ##...## ..###..
    ....##. ##...## ..###..
    ##..##. ##...## ..###..
    ##..##. ##...## ..###..
    .####.. .#####. ..###..
    """
    drawn = zip(*(line.split() for line in DRAWN.strip().splitlines()), strict=True)
    letters = np.array([[1.0 if c == "#" else -1.0 for c in "".join(rows)] for rows in drawn])
    W, b = hebb(letters), np.zeros(49)
    memory, rng = Couplings(W, b), np.random.default_rng(1)

    wanted = np.repeat(letters, 8, axis=0)
    x = flips(wanted, 0.3, rng)
    energies = [energy(W, b, x)]
    for i in [*rng.permutation(49), *rng.permutation(49)]:
        x = memory.sweep(x, [i])
        energies.append(energy(W, b, x))
    print(f"{(x == wanted).all(axis=1).sum()} of {len(x)} letters came back")
    print(f"the energy rose {(np.diff(energies, axis=0) > 1e-9).sum()} times")

    ax = axes(size=(6.4, 4.0))
    for k, bottom in enumerate(energy(W, b, letters)):
        ax.plot(np.array(energies)[:, 8 * k : 8 * k + 8], color=f"C{k}", linewidth=1, alpha=0.7)
        ax.axhline(bottom, color=f"C{k}", linestyle="--", label=f"the letter {'JOT'[k]} itself")
    ax.set(xlabel="units updated, one after the other", ylabel="energy")
    ax.legend(frameon=False)
    show(ax, "12_hebb")
