# %% [markdown]
# # Exercise 2: the backprop of an affine map
#
# An affine map sends each row of a batch to $y = M x + b$. Someone above it tells how the error
# changes with each output: dy, which is $\partial E/\partial y$, a row a sample. Three things are
# wanted of that: how the error changes with the input, with M, and with b.
#
# $$\frac{\partial E}{\partial x_j} = \sum_i \frac{\partial E}{\partial y_i} M_{ij} \qquad
# \frac{\partial E}{\partial M_{ij}} = \sum_{\text{samples}} \frac{\partial E}{\partial y_i} x_j
# \qquad \frac{\partial E}{\partial b_i} = \sum_{\text{samples}} \frac{\partial E}{\partial y_i}$$
#
# The error of a batch is the sum over its samples, and so are the last two.

# %%
import numpy as np


def affinity_backprop(M, b, x, dy):
    """The gradients of y = M x + b, for a batch: dE/dx, dE/dM, dE/db.

    M: (m, n), b: (m,), x: (batch, n), dy: (batch, m)  ->  dx: (batch, n), dM: (m, n), db: (m,)
    """
    # >>> yours
    dx = dy @ M
    dM = dy.T @ x
    db = dy.sum(axis=0)
    return dx, dM, db
    # <<<


# %% [markdown]
# ## Put it to use: XOR learns
#
# Your function becomes a layer of the package, the only one here that has parameters. If the three
# gradients are right, two of them and a tanh learn the exclusive or: the picture shows what the
# network says everywhere between the four facts.

# %%
if __name__ == "__main__":
    from minigrad import Layer, Map, Momentum, Network, data
    from minigrad.lesson import show
    from minigrad.plots.axes import axes

    class Mine(Layer):
        """y = M x + b, with the backprop of this exercise."""

        def __init__(self, n, m, rng):
            self.n = n
            self.declare(M=(m, n), b=(m,), rng=rng)

        def forward(self, x):
            self.x = x
            return x @ self.M.T + self.b

        def backprop(self, dy):
            dx, dM, db = affinity_backprop(self.M, self.b, self.x, dy)
            self.dM += dM
            self.db += db
            return dx

    net = Network(Mine(2, 3, rng=1), Map("tanh"), Mine(3, 1, rng=2))
    x, target = data.xor()
    net.fit(x, target, epochs=300, batch=4, optimizer=Momentum(0.1, 0.9), rng=3)
    print(f"XOR: {net.accuracy(x, target):.0%} of the four facts")

    side = np.linspace(-1.5, 1.5, 61)
    grid = np.stack(np.meshgrid(side, side), axis=-1)
    ax = axes(size=(5.2, 4.2))
    picture = ax.contourf(side, side, net(grid)[..., 0], levels=21, cmap="RdBu_r")
    ax.figure.colorbar(picture, label="output of the network")
    ax.scatter(*x.T, c=target[:, 0], cmap="RdBu_r", edgecolors="black", s=120)
    ax.set(xlabel="$x_1$", ylabel="$x_2$", title="XOR, learned with your backprop")
    show(ax, "02_affinity_backprop")
