# %% [markdown]
# # Exercise 10: how long may a step be?
#
# A tableau with two rows of weights gives two answers to each step. Their difference e estimates
# the error, and so says two things: whether the step may be taken, and how long the next one should
# be. Here many trajectories go side by side, each with steps of its own, a row of x each.
#
# **The norm of an error.** A number of the state may be off by atol, and by the share rtol of its
# size, at the start of the step or at its end, whichever is greater. The norm of a trajectory is
# the root mean square of its n errors, measured by what may be:
#
# $$\|e\| = \sqrt{\frac{1}{n} \sum_i \Big( \frac{e_i}{atol + rtol \max(|x_{0,i}|, |x_{1,i}|)}
# \Big)^2}$$
#
# A step is accepted if its norm is at most 1, and else rejected: it is tried again, shorter.
#
# **The next step.** The error of a step falls as $h^q$ with $q = order + 1$, where the order is the
# lower one of the two answers'. We do not aim at 1, where half of the steps would fail, but at a
# norm of $g = safety^q$, that is, at steps *safety* times as long. With $v$ the norm of this step
# and $w$ that of the last accepted step before it, the next step is h times
#
# $$\Big(\frac{v}{g}\Big)^{-0.85/q} \Big(\frac{w}{g}\Big)^{0.2/q} \text{ after an accepted step}
# \qquad \Big(\frac{v}{g}\Big)^{-1/q} \text{ after a rejected one}$$
#
# A rejected step is never longer the next time, since $v > 1 \geq g$. An accepted one looks at $w$
# as well, so that the lengths do not swing: if the errors are growing, $v > w$, it is more careful.
# (Gustafsson called this a PI control. Both formulas are the package's own.) Norms below $10^{-10}$
# count as $10^{-10}$, v and w alike, so that nothing is divided by 0. Low and high limit the
# factor, also after a rejected step, so that no single step leads into the unknown.

# %%
import numpy as np


def error_norm(error, x0, x1, rtol, atol):
    """The norm of each trajectory's error, the first formula above: at most 1 if it may be.

    error, x0, x1: (batch, n), the state at the start and the end of the step; rtol, atol: numbers
    ->  (batch,)
    """
    # >>> yours
    scale = atol + rtol * np.maximum(np.abs(x0), np.abs(x1))
    return np.sqrt(np.mean((error / scale) ** 2, axis=1))
    # <<<


def next_step(h, norm, last, order, safety, low, high):
    """How long each trajectory's next step is, the second formula above.

    h: (batch,), above 0; norm: (batch,), v of the formula, the norm of the step of length h;
    last: (batch,), w, that of the accepted step before it; order: a whole number;
    safety, low, high: numbers, safety <= 1, low < 1 < high  ->  (batch,)
    """
    # >>> yours
    q = order + 1
    g = safety**q
    v = np.maximum(norm, 1e-10) / g
    w = np.maximum(last, 1e-10) / g
    factor = np.where(norm <= 1, v ** (-0.85 / q) * w ** (0.2 / q), v ** (-1 / q))
    return h * np.clip(factor, low, high)
    # <<<


# %% [markdown]
# ## Put it to use: an oscillator in haste
#
# Van der Pol's oscillator, $u'' = 5 (1 - u^2) u' - u$, creeps for a while and then leaps. Your two
# functions decide how it is walked along: short steps in the leaps, long ones between. The step
# itself is the package's dopri5, of the orders 5 and 4, and the lengths that you choose should be
# those of the package's `solve`.

# %%
if __name__ == "__main__":
    from minigrad.lesson import show
    from minigrad.ode import Adaptive, solve, tableaus
    from minigrad.ode.runge_kutta import RungeKutta
    from minigrad.plots.axes import figure

    def oscillator(t, x):
        u, v = x.T
        return np.stack([v, 5 * (1 - u**2) * v - u], axis=1)

    END, rtol, atol = 30.0, 1e-5, 1e-7
    x, t, h, last = np.array([[2.0, 0.0]]), 0.0, np.array([0.01]), np.array([1.0])
    dopri5 = RungeKutta(tableaus["dopri5"], x)
    slope = oscillator(t, x)
    tried, times, states = [], [t], [x[0]]
    while t < END and len(tried) < 1000:
        new, error, ahead = dopri5.step(oscillator, t, x, h[0], slope)
        norm = error_norm(error, x, new, rtol, atol)
        accepted = bool(norm[0] <= 1)
        tried.append((t, h[0], accepted))
        length, h = h[0], next_step(h, norm, last, dopri5.error_order, 0.9, 0.2, 10.0)
        if accepted:
            t, x, slope, last = t + length, new, ahead, norm
            times.append(t)
            states.append(x[0])

    control = Adaptive(rtol, atol, first=0.01)
    package = solve(oscillator, states[0][None], 0.0, END, "dopri5", control).t
    both = min(len(package) - 3, len(times))  # solve shortens its last steps, to end at END
    apart = np.abs(package[:both] - times[:both]).max()
    began, lengths, taken = np.array(tried).T
    taken = taken == 1
    most = lengths[taken].max() / lengths[taken].min()
    print(f"{taken.sum()} steps, {(~taken).sum()} rejected; longest to shortest: {most:.0f} to 1")
    print(f"their times are those of the package's solve, but for {apart:.0e}")

    drawn = figure((7.6, 4.6))
    top, bottom = drawn.subplots(2, 1, sharex=True)
    top.plot(times, np.array(states)[:, 0], ".-", linewidth=0.8, markersize=4)
    top.set(ylabel="$u$", title="Van der Pol's oscillator, with your steps", xlim=(0, END))
    bottom.semilogy(
        began[taken], lengths[taken], ".-", linewidth=0.8, markersize=4, label="accepted"
    )
    bottom.semilogy(began[~taken], lengths[~taken], "rx", label="rejected")
    bottom.set(xlabel="time", ylabel="length of the step")
    bottom.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    show(drawn, "10_step_size")
