# %% [markdown]
# # Exercise 9: one step, from a table
#
# $x' = f(t, x)$ says where to go, at every time and place. Euler's step believes what it hears at
# the start, $x(t + h) \approx x + h f(t, x)$. A Runge-Kutta step asks at several places, its
# stages, and goes along a weighted sum of the answers:
#
# $$k_i = f\Big(t + c_i h,\; x + h \sum_{j<i} a_{ij} k_j\Big), \qquad
#   x(t + h) \approx x + h \sum_i b_i k_i.$$
#
# The numbers of a method stand in its tableau: A, of which only what is below the diagonal counts
# (the rest is 0), the weights b, and the nodes c. Each stage starts from x, and needs the slopes
# $k_j$ of the stages before it, so that the first is $k_1 = f(t + c_1 h, x)$. The nodes are told;
# do not work them out from A.
#
# Write the step for any tableau. x is one state, or a whole array of states, of any shape; f gives
# an array of that shape. h may be negative: then the step goes back in time.

# %%
import numpy as np

# %% [markdown]
# The fields on which your step is tried:


# %%
# >>> given
def steady(M):
    """x' = tanh(M x), for a state or rows of states: the time does not matter."""

    def f(t, x):
        return np.tanh(x @ M.T)

    return f


def driven(M, push, pace):
    """x' = tanh(M x) + push cos(pace t): where it goes depends on the time."""

    def f(t, x):
        return np.tanh(x @ M.T) + push * np.cos(pace * t)

    return f


def falling(t, x):
    """x' = -2 t x^2, of lesson 3: each number of the state on its own."""
    return -2 * t * x**2
    # <<<


# %%
def step(f, t, x, h, A, b, c):
    """x(t + h), by one explicit Runge-Kutta step from the state x at time t.

    f: a function of (t, x), t: a number, x: an array of any shape, h: a number;
    A: (s, s), b: (s,), c: (s,) of a method with s stages  ->  an array of the shape of x
    """
    # >>> yours
    k = []
    for i in range(len(b)):
        at = x + h * sum(A[i, j] * k[j] for j in range(i))
        k.append(f(t + c[i] * h, at))
    return x + h * sum(b[i] * k[i] for i in range(len(b)))
    # <<<


# %% [markdown]
# ## Put it to use: an orbit that closes
#
# A planet on an ellipse is back where it began after $2 \pi$. Your step walks along with the
# package's own tableaus, all in equal steps. On the left one turn in 200 of them: does it close? On
# the right, by how much it misses its start, the more steps the less. Double the steps, and the
# distance is divided by two to the power of the order. (Euler has not yet come so far.)

# %%
if __name__ == "__main__":
    from minigrad.lesson import show
    from minigrad.ode import Fixed, solve, tableaus
    from minigrad.plots.axes import figure

    def planet(t, state):
        place, speed = state
        return np.array([speed, -place / np.hypot(*place) ** 3])

    def turn(method, steps):
        """One turn around the sun: every state on the way."""
        table, h = tableaus[method], 2 * np.pi / steps
        states = [START]
        for n in range(steps):
            x = step(planet, n * h, states[-1], h, table.matrix, table.weights, table.nodes)
            states.append(x)
        return np.array(states)

    START = np.array([[0.6, 0.0], [0.0, np.sqrt(1.4 / 0.6)]])  # an ellipse of eccentricity 0.4
    methods = ("euler", "midpoint", "rk4", "dopri5")
    counts = np.array([50, 100, 200, 400, 800])
    package = solve(planet, START, 0, 2 * np.pi, "dopri5", Fixed(steps=200)).x
    print(f"furthest from the package's own: {np.abs(turn('dopri5', 200) - package).max():.0e}")

    drawn = figure((9.2, 4.0))
    left, right = drawn.subplots(1, 2)
    for method in methods:
        missed = [np.hypot(*(turn(method, n)[-1] - START)[0]) for n in counts]
        order = np.log2(missed[-2] / missed[-1])
        print(f"{method}: 200 steps miss the start by {missed[2]:.0e}, order about {order:.1f}")
        right.loglog(counts, missed, ".-", label=method)
    for method, colour in (("euler", "C0"), ("rk4", "C2")):
        left.plot(*turn(method, 200)[:, 0].T, color=colour)
    left.plot(0, 0, "o", color="orange", markersize=12)
    left.plot(*START[0], "k.", markersize=8)
    left.set(aspect="equal", xlabel="$x$", ylabel="$y$", title="one turn, 200 steps")
    right.set(xlabel="steps", ylabel="distance from the start", title="after one turn")
    right.set_xticks(counts, counts)
    right.minorticks_off()
    right.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    show(drawn, "09_runge_kutta")
