# %% [markdown]
# # Exercise 5: is the gradient right?
#
# Somebody wrote a layer $y = f(x)$ and, by hand, its backprop: df(x, dy) returns
# $\partial E / \partial x$ if dy is $\partial E / \partial y$. A formula can be wrong; the
# definition of a derivative cannot. With the upstream gradient dy held fixed, let
#
# $$E(x) = \sum_k dy_k \, f(x)_k,$$
#
# the sum over all outputs of all samples: its derivative is what df(x, dy) should be. Move one
# entry of x by h, up and down, leave the others where they are, and see what E does:
#
# $$\text{numeric}_i = \frac{E(x + h e_i) - E(x - h e_i)}{2h},$$
#
# where $e_i$ is 1 at the entry i and 0 elsewhere. That is the *central difference*; its error falls
# with $h^2$, that of $(E(x + h e_i) - E(x)) / h$ only with h. To be told in one number, hold the
# largest gap against the largest gradient, whichever of the two that is:
#
# $$\text{error} = \frac{\max_i |dx_i - \text{numeric}_i|}
# {\max(\max_i |dx_i|, \ \max_i |\text{numeric}_i|)}, \qquad dx = \mathrm{df}(x, dy).$$
#
# It is about 0 for a right gradient and near 1, or above, for nonsense. (Where all of both is 0
# there is no such ratio; that you are not asked.) Three things to mind: f may mix the samples of a
# batch, as a layer that normalises does; x may be of whole numbers, and h is not one; and x belongs
# to whoever called.

# %%
import numpy as np


def gradient_check(f, df, x, dy, h):
    """The numeric gradient of E(x) = sum dy * f(x), and the worst relative error of df(x, dy).

    f: x -> y, df: x, dy -> dx, x: (batch, n), dy: (batch, m), h > 0: the step
    ->  numeric: (batch, n), error: a number
    """
    # >>> yours
    numeric = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[i] = h
        numeric[i] = (dy * (f(x + e) - f(x - e))).sum() / (2 * h)
    dx = df(x, dy)
    error = np.abs(dx - numeric).max() / max(np.abs(dx).max(), np.abs(numeric).max())
    return numeric, error
    # <<<


# %% [markdown]
# The layers that your function is tried on, most with a bug planted in the backprop. You need not
# read them; but could you tell by eye?


# %%
# >>> given
def tanh_layer(M, b):
    """f(x) = tanh(M x + b)."""
    return lambda x: np.tanh(x @ M.T + b)


def tanh_backprop(M, b, bug):
    """Its backprop: right, transposed, or wrong in one entry."""

    def df(x, dy):
        dz = dy * (1 - np.tanh(x @ M.T + b) ** 2)
        dx = dz @ (M.T if bug == "transposed" else M)
        if bug == "one entry":
            dx[-1, 0] -= 5
        return dx

    return df


def softmax(x):
    """exp(x), row by row divided by its sum."""
    y = np.exp(x)
    return y / y.sum(axis=1, keepdims=True)


def softmax_backprop(x, dy):
    """Wrong, but no dy of ones would tell: then this and the right one are both 0."""
    return softmax(x) * (dy - dy.mean(axis=1, keepdims=True))


def centred_cube(x):
    """(x - mean over the batch) cubed."""
    return (x - x.mean(axis=0)) ** 3


def centred_cube_backprop(x, dy):
    """Wrong: every sample moves the mean as well, and that term is missing."""
    return 3 * (x - x.mean(axis=0)) ** 2 * dy


# <<<


# %% [markdown]
# ## Put it to use: how small a step?
#
# Your function checks a network of the package, right and with the lower layer's transpose
# forgotten. Too large a step and the curve of E spoils the slope; too small, and of the difference
# of two nearly equal numbers nothing is left but rounding: with 7 digits earlier than with 16.
# The wrong gradient is wrong at every step.

# %%
if __name__ == "__main__":
    import minigrad
    from minigrad import Affinity, Map, Network
    from minigrad.lesson import show
    from minigrad.plots.axes import axes

    class ForgotTheTranspose(Affinity):
        """M where M^T belongs: the shapes fit if it is square."""

        def backprop(self, dy):
            super().backprop(dy)
            return dy @ self.M.mT

    def network(kind, dtype):
        net = Network(kind(3, 3, rng=1), Map("tanh"), Affinity(3, 2, rng=2))
        return net.to(dtype=dtype)

    def errors(net, x, dy, steps):
        def f(x):
            return net(x.astype(net.theta.dtype))

        def df(x, dy):
            f(x)
            return net.backprop(dy.astype(net.theta.dtype))

        return [gradient_check(f, df, x, dy, h)[1] for h in steps]

    rng = np.random.default_rng(3)
    x, dy = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    steps = 10.0 ** np.arange(-12, 0.5, 0.5)
    found = {
        "M for its transpose": errors(network(ForgotTheTranspose, "float64"), x, dy, steps),
        "right, 7 digits (float32)": errors(network(Affinity, "float32"), x, dy, steps),
        "right, 16 digits (float64)": errors(network(Affinity, "float64"), x, dy, steps),
    }
    for name, of in found.items():
        print(f"{name}: error {min(of):.0e} at best, at h = {steps[np.argmin(of)]:.0e}")
    report = minigrad.gradient_check(network(Affinity, "float64"), x, 3, "central difference")
    print(f"the package's own check of the right one: {report.error:.0e}")

    ax = axes(size=(6.4, 4.2))
    for (name, of), style in zip(found.items(), ("s-", ".-", "o-"), strict=True):
        ax.plot(steps, of, style, label=name)
    ax.set(xscale="log", yscale="log", xlabel="step h", ylabel="worst relative error")
    ax.set_title("rounding on the left, curvature on the right")
    ax.legend(frameon=False)
    show(ax, "05_gradient_check")
