# %% [markdown]
# # Exercise 3: a leaky relu and its derivative
#
# A layer that bends: one function for every number of an array. The leaky relu leaves alone what is
# above 0, and below 0 it multiplies by a slope:
#
# $$f(x) = \begin{cases} x & x > 0 \\ s\,x & x \le 0 \end{cases} \qquad
# f'(x) = \begin{cases} 1 & x > 0 \\ s & x \le 0 \end{cases}$$
#
# The slope s is usually small, 0.01 or 0.2, but may be any number: 0 makes a relu of it, -1 the
# absolute value, and with 3 it is steeper below 0 than above. At 0 itself there is a kink and no
# derivative; $f'(0) = s$ is what we agree on.
#
# The layer `Map(f, df)` does the rest: its forward keeps x and returns $f(x)$, its backprop returns
# $\partial E/\partial x = f'(x) \, \partial E/\partial y$. So the derivative is asked for at the
# input x, not at the output $y = f(x)$. Both functions return a new array of floats, also where x
# holds whole numbers, and do not write into x.

# %%
import numpy as np


def leaky(x, slope):
    """The leaky relu of every number in x: x above 0, slope * x elsewhere.

    x: an array of any shape, slope: a number  ->  y: as x
    """
    # >>> yours
    return np.where(x > 0, x, slope * x)
    # <<<


def leaky_derivative(x, slope):
    """The derivative of the leaky relu at every number in x: 1 above 0, slope elsewhere.

    x: an array of any shape, slope: a number  ->  dy/dx: as x
    """
    # >>> yours
    return np.where(x > 0, 1.0, slope)
    # <<<


# %% [markdown]
# ## Put it to use: a curve of straight pieces
#
# Your two functions become the `Map` of a network that learns a sine from noisy points. What it
# computes is straight between kinks, and each of its twelve units can bend the line once: where its
# own input passes through 0. The gradient check compares your derivative with your function; it can
# only be content if the two belong together.

# %%
if __name__ == "__main__":
    from minigrad import Adam, Affinity, Map, Network, data, gradient_check
    from minigrad.lesson import show
    from minigrad.plots.axes import axes

    def f(x):
        return leaky(x, 0.2)

    def df(x):
        return leaky_derivative(x, 0.2)

    lower = Affinity(1, 12, bias="normal", rng=1)
    net = Network(lower, Map(f, df), Affinity(12, 1, rng=2))
    x, target = data.sine(200, noise=0.1, rng=3)
    print(f"gradient check: relative error {gradient_check(net, x[:5], rng=4).error:.0e}")
    net.fit(x, target, epochs=1000, batch=50, optimizer=Adam(0.003), rng=5)
    error = np.sqrt(np.mean((net(x) - np.sin(x)) ** 2))
    print(f"root mean square distance from the sine: {error:.3f}")

    ax = axes(size=(6.4, 4.0))
    line = np.linspace(-np.pi, np.pi, 1001)[:, None]
    kinks = -lower.b / lower.M[:, 0]
    kinks = kinks[abs(kinks) < np.pi]
    ax.scatter(x, target, s=8, color="0.75", label="what it learned from")
    ax.plot(line, np.sin(line), color="k", lw=1, ls="--", label="sin x")
    ax.plot(line, net(line), color="C3", lw=2, label="the network")
    ax.plot(kinks, net(kinks[:, None]), "o", color="C3", label="a unit bends it here")
    ax.set(xlabel="$x$", ylabel="$y$", title="A sine of straight pieces, with your leaky relu")
    ax.legend(loc="upper left")
    show(ax, "03_leaky_map")
