# %% [markdown]
# # Exercise 17: the trace rule
#
# What comes one after the other is often the same thing, seen from elsewhere. Units can make use of
# that (Földiák, 1991): who wins, and how much is learned, is decided not by a unit's activity now
# but by a *trace* $t$ of what it did just before. So who won a thing learns it when it has moved.
#
# Frames come one by one. With a frame $x$, these four steps, in this order:
#
# 1. If the number of the frame (0, 1, 2, ...) is among the `resets`, every trace is set to 0.
# 2. Each unit $i$ is excited by the frame, and its trace follows:
#
# $$a_i = \sum_j W_{ij} x_j \qquad t_i \leftarrow (1 - \alpha)\, t_i + \alpha\, a_i$$
#
# 3. The winner $w$ is the unit of the largest trace $t_i$, of equals the first.
# 4. The winner learns, by Hebb, with its trace for its activity; then its row is divided by its
#    length. No other row changes.
#
# $$W_{wj} \leftarrow W_{wj} + \eta\, t_w\, x_j \qquad
# W_{wj} \leftarrow \frac{W_{wj}}{\sqrt{\sum_l W_{wl}^2}}$$
#
# The first frame comes after nothing: all traces begin at 0. Each frame meets the weights that the
# frames before it have left. Rows may begin at any length. The winners are whole numbers.

# %%
import numpy as np


def trace_rule(W, x, resets, alpha, eta):
    """What is left of weights W once all frames x have come, who won each, and the last traces.

    W: (m, n), a row a unit; x: (frames, n); resets: (resets,), the numbers, in rising order, of the
    frames before which the traces are cleared, or none; alpha, eta: numbers
    ->  W: (m, n), a new array; winners: (frames,), integers; t: (m,)
    """
    # >>> yours
    W, t, winners = W.copy(), np.zeros(len(W)), []
    for i, frame in enumerate(x):
        if i in resets:
            t = np.zeros(len(W))
        a = W @ frame
        t = (1 - alpha) * t + alpha * a
        w = t.argmax()
        W[w] += eta * t[w] * frame
        W[w] /= np.linalg.norm(W[w])
        winners.append(w)
    return W, np.array(winners), t
    # <<<


# %% [markdown]
# ## Put it to use: what follows in time is bound together
#
# A camera stays eight frames on a digit while its hand trembles, and goes on to another; then the
# traces are cleared. Forty units learn from that by your rule, once with a trace and once without
# one ($\alpha = 1$: nothing but the frame itself counts). Afterwards: is a digit that has moved won
# by the same unit? 1 says always, 0 no more often than another digit. With the trace it should be,
# and least of all by the units as they began.

# %%
if __name__ == "__main__":
    from minigrad import data, plots
    from minigrad.hebbian import Camera, LocalLayer, Tapestry, invariance, unit_rows
    from minigrad.lesson import show

    class Mine(LocalLayer):
        """Units that learn by the rule of this exercise; the winner answers 1, the others 0."""

        def __init__(self, n, m, alpha, rng):
            self.alpha = alpha
            super().__init__(n, m, lambda rng, shape: unit_rows(rng.normal(size=shape)), rng)

        def forward(self, x):
            a = x @ self.W.T
            return 1.0 * (a == a.max(axis=-1, keepdims=True))

        def learn_rows(self, x):
            every = np.arange(0, len(x), 8)
            self.W, winners, _ = trace_rule(self.W, x, every, self.alpha, eta=0.1)
            return np.eye(self.m)[winners]

    train, test = data.digits()
    museum, mean = Tapestry(train.images, grid=(75, 80)), train.x.mean(axis=0)
    frames = Camera(museum, rng=1, dwell=8, jitter=2).take(6000)
    shifts, curves = (0, 1, 2, 3, 4, 5), {}
    for name, alpha in {"alpha = 1/3": 1 / 3, "alpha = 1": 1.0, "nothing learned": None}.items():
        layer = Mine(784, 40, alpha, rng=2)
        if alpha:
            layer.learn(unit_rows(frames - mean))
        same = invariance(
            lambda v, layer=layer: layer(unit_rows(v - mean)), test.x[:300], (28, 28), shifts
        )
        curves[name] = shifts, same
        print(f"{name}: the same winner after 1, 2, 3 pixels:",
              ", ".join(f"{cosine:.2f}" for cosine in same[1:4]))  # fmt: skip
    ax = plots.invariance_curves(curves)
    ax.set(ylabel="same winner as the still digit\n(cosine; 0: chance)", title="Your trace rule")
    show(ax, "17_trace_rule")
