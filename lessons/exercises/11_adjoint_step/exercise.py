# %% [markdown]
# # Exercise 11: back through one step of a solver
#
# $x' = f(x, \theta)$ is solved in steps of length h. Heun's method takes the slope where it stands,
# goes a whole step with it, takes the slope there as well, and goes with the mean of the two:
#
# $$k_1 = f(x) \qquad Y = x + h\, k_1 \qquad k_2 = f(Y) \qquad
# x_{\text{new}} = x + \tfrac{h}{2} (k_1 + k_2)$$
#
# Someone further up tells how the error changes with the new state: dy, which is $\partial E /
# \partial x_{\text{new}}$, a row a sample. Wanted is how it changes with x and with the parameters
# $\theta$ of the field: the gradient of *this step*, exact to rounding, whatever the error of the
# step itself. (To solve an equation for the gradient backwards in time is another thing: lesson 3,
# step 6.)
#
# The field comes with its own backprop, `vjp(x, v)`: the *vector-Jacobian product*, of a vector v
# that is a gradient of the slope $f(x)$. It gives two things, the second summed over the batch:
#
# $$\Big(\frac{\partial f}{\partial x}\Big)^{\!T} v \quad \text{at } x \qquad \text{and} \qquad
# \sum_{\text{samples}} \Big(\frac{\partial f}{\partial \theta}\Big)^{\!T} v \quad \text{at } x.$$
#
# Go through the four equations from the last to the first, and for each thing that was made ask
# who uses it: gradients that come from several users are added. $x$, $k_1$ and $\theta$ have more
# than one.

# %%
import numpy as np


def adjoint_step(field, vjp, x, h, dy):
    """The gradients of one step of Heun's method, for a batch: dE/dx, dE/dtheta.

    field: x (batch, n) -> slopes (batch, n); vjp: (x, v), both (batch, n) -> ((batch, n), as theta)
    x, dy: (batch, n), h: a number, may be negative  ->  dx: (batch, n), dtheta: as theta
    """
    # >>> yours
    Y = x + h * field(x)
    dY, dtheta2 = vjp(Y, h / 2 * dy)
    dk1 = h / 2 * dy + h * dY
    dx, dtheta1 = vjp(x, dk1)
    return dy + dY + dx, dtheta1 + dtheta2
    # <<<


# %% [markdown]
# Two fields, each with its vjp, with which your function is tried: of the first theta is c, of the
# second U and V in one row.


# %%
# >>> given
def driven(A, c):
    return lambda x: x @ A.T + c


def driven_vjp(A, c):
    return lambda x, v: (v @ A, v.sum(axis=0))


def network(U, V):
    return lambda x: np.tanh(x @ U.T) @ V.T


def network_vjp(U, V):
    def vjp(x, v):
        y = np.tanh(x @ U.T)
        da = (1 - y**2) * (v @ V)
        return da @ U, np.concatenate([(da.T @ x).ravel(), (v.T @ y).ravel()])

    return vjp


# <<<


# %% [markdown]
# ## Put it to use: digits that flow
#
# A small network pushes the pixels of ones, threes and fives about. Four steps of Heun's method are
# a layer, whose backprop is four of your steps, from the last to the first; an affine map reads
# where the pixels have come to. The picture shows the way of sixty digits, in the two directions
# in which they go furthest, from the open dots to the full ones.

# %%
if __name__ == "__main__":
    from minigrad import Adam, Affinity, Map, Network, data, gradient_check
    from minigrad.lesson import show
    from minigrad.plots import principal_plane

    class Flow(Network):
        """y = x(1) of x' = net(x), by four steps, with the backprop of this exercise."""

        h = 1 / 4

        def forward(self, x):
            field, self.states = self.layers[0], [x]
            for _ in range(4):
                k1 = field(x)
                x = x + self.h / 2 * (k1 + field(x + self.h * k1))
                self.states.append(x)
            return x

        def backprop(self, dy):
            field = self.layers[0]

            def vjp(x, v):
                field(x)
                return field.vjp(v)

            for x in reversed(self.states[:-1]):
                dy, dtheta = adjoint_step(field, vjp, x, self.h, dy)
                self.grad += dtheta
            return dy

    def flowing(n, m):
        return Flow(Network(Affinity(n, m, rng=1), Map("tanh"), Affinity(m, n, rng=2)))

    some = np.random.default_rng(3).normal(size=(4, 5))
    print(str(gradient_check(flowing(5, 3), some, rng=4)).splitlines()[0])

    train, test = (part.classes(1, 3, 5).resize(14) for part in data.digits())
    net = Network(flowing(196, 24), Affinity(196, 3, rng=5))
    net.fit(train.x, train.labels, 6, 32, "softmax_cross_entropy", Adam(3e-3), rng=6)
    print(f"digits kept back: {net.accuracy(test.x, test.labels):.1%} are read")

    net(test.x[:60])
    ax = principal_plane(np.stack(net.layers[0].states), np.array([1, 3, 5])[test.labels[:60]])
    ax.set_title("sixty digits flow for a time of 1")
    show(ax, "11_adjoint_step")
