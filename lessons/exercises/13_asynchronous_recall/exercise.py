# %% [markdown]
# # Exercise 13: recall, one unit after the other
#
# A Hopfield network remembers by letting each of its n units, -1 or 1, listen to the others. What
# unit i hears is its field, and it takes the sign of that:
#
# $$h_i = \sum_j W_{ij} x_j + b_i \qquad
# x_i \leftarrow \begin{cases} 1 & h_i > 0 \\ -1 & h_i < 0 \\ x_i & h_i = 0 \end{cases}$$
#
# The sum runs over all units, and a unit whose field is 0 keeps its value. (The numbers with which
# your function is checked have no rounding, so that 0 is exactly 0. The package, whose fields have
# some, takes for 0 what is no larger than that.)
#
# If all units move at once, they may end in two states that follow each other for ever. So they
# move one at a time, in a given order, each in the sight of all moves so far. To go through the
# order once is a *sweep*. Sweep until a whole sweep changes nothing, or until `most` sweeps are
# made. Return the state, and how many of the sweeps changed something: of a state at rest that is
# 0, of one that still moves in the last sweep it is `most`.

# %%
import numpy as np


def recall(W, b, x, order, most):
    """Where the state x comes to, one unit after the other, and after how many sweeps.

    W: (n, n), b: (n,), x: (n,) floats -1 and 1, order: (n,) integers, each unit once, most: from 1
    ->  end: (n,), sweeps: an integer, those that changed something
    """
    # >>> yours
    x = x.copy()
    for sweeps in range(most):
        before = x.copy()
        for i in order:
            h = W[i] @ x + b[i]
            if h != 0:
                x[i] = np.sign(h)
        if (x == before).all():
            return x, sweeps
    return x, most
    # <<<


# %% [markdown]
# ## Put it to use: digits come back from noise
#
# Ten digits of 16 x 16 pixels are written into couplings by the package's pseudo-inverse rule, as
# digits are too much alike for Hebb's (lesson 4, step 5). About a quarter of the pixels of each is
# flipped, and your recall is to bring them back.

# %%
if __name__ == "__main__":
    from minigrad import data
    from minigrad.hopfield import HopfieldNetwork, PseudoInverse, flips
    from minigrad.lesson import show
    from minigrad.plots import image_grid
    from minigrad.plots.axes import figure

    rng = np.random.default_rng(1)
    stored = data.digits()[0].resize(16).binarise().x[:10]
    net = HopfieldNetwork(PseudoInverse(zero_diagonal=True)).store(stored)
    cues = flips(stored, 0.25, rng)
    W, b = net.memory.W, net.memory.b
    ends, sweeps = zip(*(recall(W, b, cue, rng.permutation(256), 20) for cue in cues), strict=True)
    print(f"{(ends == stored).all(axis=1).sum()} of 10 digits came back, in {sweeps} sweeps")
    found = net.recall(ends, update="asynchronous", rng=2)
    print(f"the package moves {(found.steps > 0).sum()} of the 10 any further")

    drawn = figure((8.4, 3.2))
    rows = {"stored": stored, "cue": cues, "recalled": ends}
    for ax, (name, images) in zip(drawn.subplots(3, 1), rows.items(), strict=True):
        image_grid(images, (16, 16), columns=10, ax=ax)
        ax.text(-4, 8, name, ha="right", va="center")
    show(drawn, "13_asynchronous_recall")
