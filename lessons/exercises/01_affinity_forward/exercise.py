# %% [markdown]
# # Exercise 1: an affine map, forward
#
# An affine map turns a vector x of n numbers into a vector y of m numbers. Every output is a
# weighted sum of the inputs, and a number of its own on top:
#
# $$y_i = \sum_{j=1}^{n} M_{ij} x_j + b_i, \qquad i = 1, \dots, m$$
#
# A network is seldom asked about one vector alone. The last axis of x is the vector; the axes
# before it, if there are any, count samples, and y has the same: (n,) becomes (m,), a batch (7, n)
# becomes (7, m), and (2, 7, n) becomes (2, 7, m). An axis of length 1 is an axis too, and stays.
# Return one numpy array, of floats also where x holds whole numbers.

# %%
import numpy as np


def affinity_forward(M, b, x):
    """y = M x + b for every vector along the last axis of x.

    M: (m, n), b: (m,), x: (..., n)  ->  y: (..., m)
    """
    # >>> yours
    return x @ M.T + b
    # <<<


# %% [markdown]
# ## Put it to use: digits on a sheet of paper
#
# Your function becomes the forward of a layer; the backprop is the package's, and the subject of
# the next exercise. Three such layers learn to read, but what they see has to pass through two
# numbers in the middle. Two numbers are a point in the plane: the picture shows where the network
# puts 1,000 digits that it did not learn from.

# %%
if __name__ == "__main__":
    from minigrad import Adam, Affinity, Map, Network, data
    from minigrad.lesson import show
    from minigrad.plots.axes import axes

    class Mine(Affinity):
        """y = M x + b, with the forward of this exercise."""

        def forward(self, x):
            self.x = x
            return affinity_forward(self.M, self.b, x)

    train, test = data.digits()
    below = Network(Mine(784, 64, rng=1), Map("tanh"), Mine(64, 2, rng=2))
    net = Network(below, Mine(2, 10, rng=3))
    net.fit(
        train.x, train.labels, epochs=25, batch=64, loss="softmax_cross_entropy",
        optimizer=Adam(3e-3), rng=4,
    )  # fmt: skip
    print(f"read through two numbers: {net.accuracy(test.x, test.labels):.0%} of new digits")

    ax = axes(size=(6.4, 5.4))
    plane = below.predict(test.x)
    for digit in np.unique(test.labels):
        ax.scatter(
            *plane[test.labels == digit].T, color=f"C{digit}", marker=f"${digit}$", s=32, lw=0.3
        )
    ax.set(xlabel="$y_1$", ylabel="$y_2$", title="1,000 new digits, each as two numbers")
    show(ax, "01_affinity_forward")
