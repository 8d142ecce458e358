# %% [markdown]
# # Lesson 1: layers that carry their own backprop
#
# **The question.** Somebody once built layers and a bench to try them on, turned a knob, read
# `nan`, and concluded: *"so we definitely have a problem"*. What was it: the gradients, the rate,
# too few layers? How does one tell? And once it is right, can such a network read?

# %%
import copy

import numpy as np

from minigrad import (
    Adam,
    Affinity,
    GradientDescent,
    Layer,
    Map,
    Network,
    NNBench,
    backend,
    data,
    gradient_check,
    plots,
)  # fmt: skip
from minigrad.errors import GradientError
from minigrad.lesson import Lesson
from minigrad.plots.axes import axes
from minigrad.text import table

lesson = Lesson("01-layers", "Lesson 1: layers that carry their own backprop")
rng = np.random.default_rng(1)

# %% [markdown]
# ## 1. One matrix that learns
#
# Let a matrix swap two numbers, $(v_0, v_1) \to (v_1, v_0)$, from examples alone. Guess,
# $y = M v$; see the error, $e = y - t$. Of all matrices near $M$, the loss $E = |e|^2 / 2$ falls
# fastest towards $-\partial E / \partial M_{ij} = -e_i v_j$. Go a little that way, and repeat.

# %%
M, seen = rng.standard_normal((2, 2)), []
for _ in range(100):
    v = rng.standard_normal(2)
    e = M @ v - v[::-1]
    seen.append(e @ e / 2)
    M -= 0.1 * np.outer(e, v)
print(f"after 100 examples M is\n{M.round(3)}")
assert np.abs(M - [[0, 1], [1, 0]]).max() < 0.1

# %% [markdown]
# ## 2. Two cannot be chained
#
# Put a second matrix on top, $y = M_2 (M_1 v)$, and the recipe fails: the error at the output says
# what $M_2$ should have done, but nobody tells $M_1$. Only the upper layer knows how its output
# depends on its input. So a layer needs a second method. Besides learning from
# $\partial E / \partial y$, it must hand $\partial E / \partial x$ down, for its $x$ is the $y$ of
# the layer below. With $y_i = \sum_j M_{ij} x_j + b_i$,
#
# $$\frac{\partial E}{\partial M_{ij}} = \frac{\partial E}{\partial y_i} x_j, \qquad
#   \frac{\partial E}{\partial b_i} = \frac{\partial E}{\partial y_i}, \qquad
#   \frac{\partial E}{\partial x_j} = \sum_i \frac{\partial E}{\partial y_i} M_{ij}.$$
#
# That is the whole of it: a layer is a map with two methods, forward and backprop.


# %%
class OneAffinity(Layer):
    """y = M x + b for one vector x."""

    def __init__(self, n, m):
        self.declare(M=(m, n), b=(m,))

    def forward(self, x):
        self.x = x
        return self.M @ x + self.b

    def backprop(self, dy):
        self.dM += dy[:, None] * self.x
        self.db += dy
        return self.M.T @ dy


chained = Network(OneAffinity(2, 3), OneAffinity(3, 2)).randomize(1)
for _ in range(500):
    v = rng.standard_normal(2).tolist()
    loss = chained.learn([(v, v[::-1])])
print(f"two in a row: the loss on the last of 500 examples is {loss:.1e}")
assert loss < 0.05

# %% [markdown]
# ## 3. Left-multiply, or right-multiply?
#
# The bench's author left that open: *"SOLVE: Left-multiply or right-multiply?"*, and multiplied by
# $M$. The formula says $M^T \partial E/\partial y$. But formulas can be wrong too. The definition
# of a derivative cannot: move one number by a little, and see what $E$ does. `gradient_check` does
# that for every parameter and for the input, with a random $\partial E / \partial y$.


# %%
class ForgotTheTranspose(Affinity):
    """The seed's line: M where M^T belongs. On a square matrix every shape fits."""

    def backprop(self, dy):
        super().backprop(dy)
        return dy @ self.M.mT


def error_of(layer, x=None):
    """The worst relative error that the check finds, whether it lets the layer pass or not."""
    try:
        return gradient_check(layer, x, rng=1).error
    except GradientError as error:
        return error.report.error


own, right = OneAffinity(4, 3), Affinity(2, 2, rng=1)
wrong = ForgotTheTranspose(2, 2, rng=1)
errors = {
    "own": error_of(own, rng.standard_normal(4)),
    "M^T": error_of(right),
    "M": error_of(wrong),
}
print({name: f"{error:.0e}" for name, error in errors.items()})
assert errors["own"] < 1e-8 and errors["M^T"] < 1e-8 and errors["M"] > 1e-3

# %% [markdown]
# ## 4. The bench
#
# `NNBench` holds a network and an ideal, and draws facts $(v, \text{ideal}(v))$ with normal $v$.
# Its *learning potential* is $-\ln$ of the loss on facts not learned from, had the network learned
# from so many at such a rate; afterwards the network is bit for bit as it was.

# %%
net = Network(Affinity(2, 2, rng=2))
bench = NNBench(net)
potentials = {"identity": bench.learning_potential(100, 0.1)}
bench.ideal = lambda v: v[::-1]
potentials["swap"] = bench.learning_potential(100, 0.1)
print(", ".join(f"{name}: potential {value:.1f}" for name, value in potentials.items()))
assert min(potentials.values()) > 2
lesson.show(bench.plot_learning(100), "swap")

# %% [markdown]
# ## 5. A leaky relu, and a slope that is not its own
#
# Something that bends has to stand between matrices: `Map` applies one function to every number.
# Here is the bench's leaky relu with the derivative that stood beside it. One of the two is off.

# %%
leak = 0.2
as_it_was = Map(
    lambda x: (x * (1 + leak / 2) + abs(x) * (1 - leak / 2)) / 2,
    lambda x: leak + (1 - leak) * (x > 0),
)
as_it_should = Map(
    lambda x: (x * (1 + leak) + abs(x) * (1 - leak)) / 2, lambda x: leak + (1 - leak) * (x > 0)
)
slopes = {"as it was": error_of(as_it_was), "as it should be": error_of(as_it_should)}
print({name: f"{error:.0e}" for name, error in slopes.items()})
print(
    f"below 0 the one has the value {as_it_was([-1.0, 1.0])[0]:.2f} x, its derivative says {leak} x"
)
assert slopes["as it was"] > 1e-3 and slopes["as it should be"] < 1e-8

# %% [markdown]
# ## 6. The quadratic map, and `nan`
#
# Now the ideal is $(v_0 - v_1)^2$, for an `Affinity` below a half-square, $x^2 / 2$, which can
# express it exactly. On this the author read `nan`. We read when it happened.

# %%
quadratic = NNBench(
    Network(Affinity(2, 2, rng=1), Map("half square")),
    lambda v: [(v[0] - v[1]) ** 2, 0],
)
for alpha in (0.3, 0.1, 0.01):
    print(f"alpha {alpha:4}: potential {quadratic.learning_potential(1000, alpha)}")

# %% [markdown]
# The wrong transpose? Put it in, and nothing changes, to the last bit: the only `Affinity` here is
# the first layer, and what it hands down reaches nobody.

# %%
thetas = []
for kind in (Affinity, ForgotTheTranspose):
    twin = Network(kind(2, 2, rng=5), Map("half square"), alpha=0.01)
    NNBench(twin, quadratic.ideal).learn(100)
    thetas.append(twin.theta)
assert (thetas[0] == thetas[1]).all()

# %% [markdown]
# ## 7. It was the rate
#
# Two hundred starts, thirteen rates, five hundred facts: one stacked run. With a large loss comes a
# large step, with that a larger loss: above some rate the square runs away from almost every start.

# %%
rates = np.geomspace(1e-3, 0.1, 13)
cube = quadratic.loss_cube(500, rates, starts=200, rng=3)
lesson.show(plots.loss_heat(cube), "loss-cube")
ax = axes(size=(5.6, 3.6))
ax.plot(cube.rates, 100 * cube.broken, marker="o")
ax.set(xscale="log", xlabel="learning rate", ylabel="starts that diverged (%)", ylim=(-3, 103))
lesson.show(ax, "diverged")
at = {alpha: float(cube.broken[np.abs(np.log(rates / alpha)).argmin()]) for alpha in (0.1, 0.01)}
print(f"diverged: {at[0.1]:.0%} of the starts at alpha 0.1, {at[0.01]:.0%} at 0.01")
assert at[0.1] > 0.8 and at[0.01] < 0.1

# %% [markdown]
# ## 8. The dead object
#
# Why did the author look at the layers all the same? The bench's rollback put a *copy* of the
# network on the bench. From then on the cells edited one network and trained another: the matrix
# that was looked at never moved. Here is that line, and ours, which puts the values back in place.


# %%
class OldBench(NNBench):
    def rollback_net(self):
        kept, self.net = self.net, copy.deepcopy(self.net)
        assert kept is not self.net


moved = {}
for kind in (OldBench, NNBench):
    held = Network(Affinity(2, 2, rng=2))
    bench = kind(held, lambda v: v[::-1])
    bench.checkpoint_net()
    bench.rollback_net()
    before = backend.copy(held.theta)
    bench.learn(100)
    moved[kind.__name__] = float(abs(held.theta - before).max())
print(f"how far the network that one holds has moved: {moved}")
assert moved["OldBench"] == 0 and moved["NNBench"] > 0.1

# %% [markdown]
# ## 9. XOR, by depth
#
# The notebook ends where XOR begins, with a single `Affinity`. It cannot do it: of all affine maps
# the best answers 0 to every question, for by symmetry nothing else is closer to both codes. One
# hidden layer of three suffices. Is that luck? Again two hundred starts at once.

# %%
x, target = data.xor()
order = np.random.default_rng(4).integers(0, 4, 4000)
shares, maps_drawn = {}, axes(size=(6.4, 3.4)).figure
maps_drawn.clear()
panels = maps_drawn.subplots(1, 2, sharey=True)
side = np.linspace(-1.6, 1.6, 81)
plane = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2).tolist()
for panel, (name, single) in zip(panels, {
    "one affine layer": Network(Affinity(2, 1)),
    "2-3-1, tanh": Network(Affinity(2, 3), Map("tanh"), Affinity(3, 1)),
}.items(), strict=True):  # fmt: skip
    many = single.stack(200, rng=4)
    many.learn((x[[i]], target[[i]]) for i in order)
    shares[name] = float((many.accuracy(x, target) == 1).mean())
    answers = backend.host(many.predict(plane))[0].reshape(81, 81)
    picture = panel.pcolormesh(side, side, answers, cmap="RdBu_r", vmin=-1, vmax=1)
    panel.scatter(
        *backend.host(x).T, c=backend.host(target)[:, 0], cmap="RdBu_r", edgecolors="k", s=60
    )
    panel.set(
        title=f"{name}\nsolved from {shares[name]:.1%} of starts", xlabel="$v_0$", aspect="equal"
    )
panels[0].set_ylabel("$v_1$")
maps_drawn.colorbar(picture, ax=panels, label="answer of the first start")
lesson.show(maps_drawn, "xor-by-depth")
print({name: f"{share:.1%} of 200 starts solve XOR" for name, share in shares.items()})
assert shares["one affine layer"] == 0 and shares["2-3-1, tanh"] >= 0.97

# %% [markdown]
# ## 10. Where the wrong transpose hides, and what finds it
#
# In a network of two square layers the lower one does hear what the upper hands down, and with $M$
# for $M^T$ hears the wrong thing. Does it show? It learns XOR all the same, from most starts. It
# only learns it from fewer of them than it could: nobody who looks at a falling loss would know.

# %%
both = target * many.xp.asarray([[1.0, -1.0]], device=many.place.device)
learned = {}
for name, kind in {"M^T": Affinity, "M": ForgotTheTranspose}.items():
    many = Network(kind(2, 2), Map("tanh"), kind(2, 2)).stack(200, rng=5)
    many.learn((x[[i]], both[[i]]) for i in order)
    learned[name] = float((backend.host(many(x) * both) > 0).all(axis=(1, 2)).mean())
hidden_error = error_of(Network(ForgotTheTranspose(2, 2), Map("tanh"), ForgotTheTranspose(2, 2)))
print(f"starts that learn XOR: {learned}; the check: error {hidden_error:.1f}")
assert 0.3 < learned["M"] < learned["M^T"] and hidden_error > 1e-3

# %% [markdown]
# ## 11. Who steps?
#
# The bench's layers updated themselves as the gradient came by, and its author wondered whether the
# rate could be folded into the gradient. For plain descent it makes no difference. For everything
# else it does: Adam divides by the size of the gradient, so that a rate in there is lost. Hence
# backprop only ever *adds up* $\partial E / \partial w$, and an optimizer steps afterwards.

# %%
steps = {}
for name, make in {"plain descent": GradientDescent, "Adam": Adam}.items():
    for scale in (1.0, 0.1):
        single = Network(Affinity(3, 2, rng=6))
        start, mover = backend.copy(single.theta), make(0.01)
        single([0.3, -1.0, 2.0])
        single.backprop([scale * 1.0, scale * -2.0])
        mover.step(single)
        steps[name, scale] = float(abs(single.theta - start).max())
ratios = {name: steps[name, 0.1] / steps[name, 1.0] for name in ("plain descent", "Adam")}
print(f"a tenth of the gradient makes the step {ratios['plain descent']:.2f} times as long in "
      f"plain descent, {ratios['Adam']:.2f} times in Adam")  # fmt: skip
assert abs(ratios["plain descent"] - 0.1) < 1e-6 and abs(ratios["Adam"] - 1) < 1e-3

# %% [markdown]
# ## 12. Digits
#
# Gradients that are right, a rate that does not run away, something that bends between the
# matrices: is that enough to read? The package carries 6,000 digits to learn from and 1,000 that
# are kept back, each a row of 784 numbers between 0 (paper) and 1 (ink).

# %%
train, test = data.digits()
captions = [str(label) for label in test.labels[:30]]
lesson.show(plots.image_grid(test.x[:30], (28, 28), captions, columns=10), "digits")

net = Network(Affinity(784, 32, init="he", rng=1), Map("relu"), Affinity(32, 10, rng=2))
print(net.summary())
checked = gradient_check(net, train.x[:5], rng=1)
print(checked)
assert checked.error < 1e-6

# %% [markdown]
# The ten outputs are scores, the largest is the answer. The loss is the cross-entropy of their
# softmax, $E = -\ln p_{\text{label}}$ with $p_i = e^{y_i} / \sum_j e^{y_j}$, whose gradient is as
# plain as can be: $\partial E / \partial y = p - \text{onehot}(\text{label})$.

# %%
before = net.accuracy(test.x, test.labels)
history = net.fit(
    train.x, train.labels, epochs=20, batch=128, loss="softmax_cross_entropy",
    optimizer=Adam(3e-3), rng=1, validation=(test.x, test.labels),
)  # fmt: skip
after = net.accuracy(test.x, test.labels)
best = int(np.argmin(history.validation_loss)) + 1  # from there on only the one loss falls
print(f"read correctly of the digits kept back: {before:.1%} before, {after:.1%} after")
for name, seen in {"learned from": history.loss, "kept back": history.validation_loss}.items():
    print(
        f"loss on digits {name}: {seen[best - 1]:.3f} after epoch {best}, {seen[-1]:.3f} at the end"
    )
lesson.show(plots.learning_curve(history), "learning-curve")
assert after > 0.91

# %% [markdown]
# ## 13. What it gets wrong, and what it looks for
#
# A percentage is not much to look at. These are digits that it misread, each with its label and
# what was read instead. How many would you have got right?

# %%
read = backend.host(net.predict(test.x)).argmax(axis=-1)
missed = np.flatnonzero(read != test.labels)
captions = [f"{test.labels[i]}, not {read[i]}" for i in missed[:40]]
lesson.show(plots.image_grid(test.x[missed[:40]], (28, 28), captions, columns=10), "errors")
lesson.show(plots.confusion(test.labels, read), "confusion")
pairs = np.sort(np.stack([test.labels[missed], read[missed]]), axis=0)
kinds, counts = np.unique(pairs, axis=1, return_counts=True)
(a, b), count = kinds[:, counts.argmax()], counts.max()
print(f"{len(missed)} of {len(test)} misread; most often {a} and {b} for each other, {count} times")

# %% [markdown]
# Every row of the first $M$ is 784 weights: an image. Where it is red, ink excites the unit; where
# it is blue, ink silences it. A unit can die: where no digit brings it above 0, relu has slope 0,
# and nothing will ever move it again. It then still shows the noise that it started with.

# %%
lesson.show(plots.receptive_fields(net.layers[0], (28, 28)), "receptive-fields")
hidden = Network(*(copy.deepcopy(layer) for layer in net.layers[:2]))
dead = int((backend.host(hidden.predict(train.x)) == 0).all(axis=0).sum())
print(f"{dead} of {net.layers[0].m} hidden units answer 0 to each of the {len(train)} digits")

# %% [markdown]
# ## 14. All of MNIST (`--full`)
#
# Ten times as many digits, four times as many hidden units. The digits are downloaded, once, unless
# `--mnist` names a folder that has them; in a notebook, put `lesson.full = True` before this cell.

# %%
if lesson.full:
    full_train, full_test = data.mnist(lesson.mnist)
    large = Network(Affinity(784, 128, init="he", rng=1), Map("relu"), Affinity(128, 10, rng=2))
    optimizer = Adam(3e-3)

    def slower(net, history):
        optimizer.alpha *= 0.87

    large.fit(
        full_train.x, full_train.labels, epochs=25, batch=256,
        loss="softmax_cross_entropy", optimizer=optimizer, rng=1, callbacks=[slower],
    )  # fmt: skip
    hits = large.accuracy(full_test.x, full_test.labels)
    print(f"784-128-10 on all of MNIST: {hits:.2%} of {len(full_test)} digits kept back")

# %% [markdown]
# ## The answer
#
# It was the rate, and a network that was looked at while another learned. The transpose was wrong
# as well, but in that place it harmed nothing; it would have, silently, one layer further up. A
# falling loss does not tell right from nearly right. A gradient check does.

# %%
print(
    table(
        ("what the notebook says", "here", "verdict"),
        [
            ("left-multiply or right-multiply?", f"M^T: error {errors['M^T']:.0e}, "
             f"M: {errors['M']:.1f}", "by M^T"),
            ("scaling the gradient is scaling the step", f"plain {ratios['plain descent']:.1f}, "
             f"Adam {ratios['Adam']:.1f}", "only plain descent"),
            ("identity and swap are learned", f"potential {min(potentials.values()):.1f} or more",
             "yes"),
            ("the relu's slope is [leak, 1]", f"error {slopes['as it was']:.1f}", "no: leak / 2"),
            ("nan: we definitely have a problem", f"diverged {at[0.1]:.0%} at 0.1, "
             f"{at[0.01]:.0%} at 0.01", "it was the rate"),
            ("what is learning doing to it?", f"moved by {moved['OldBench']:.1f}",
             "nothing: another network"),
            ("XOR, begun with one affine layer", f"{shares['one affine layer']:.0%}; with a hidden "
             f"layer {shares['2-3-1, tanh']:.1%}", "needs depth"),
            ("(not seen) the wrong transpose", f"learns XOR from {learned['M']:.0%}, not "
             f"{learned['M^T']:.0%}", "hides in the loss"),
            ("(not tried) such a network reads", f"{after:.1%} of new digits", "yes"),
        ],
    )
)  # fmt: skip

# %% [markdown]
# ## Exercises
#
# Exercises 1 to 5 of `minigrad exercises` have you write the layers, a loss and the check
# yourself, and put them to use. Beyond those:
#
# 1. Write a layer of your own, $y = a x$ with one number $a$, `declare(a=(1,))`, and have it pass
#    `gradient_check`. What is $\partial E / \partial a$, and over what must it be summed?
# 2. The notebook's layers started at N(0, 1), `Affinity(2, 2, init="normal", bias="normal")`. Find
#    such a start from which the quadratic map diverges even at alpha 0.01. What is special about
#    it? (`bench.learn_track` has theta at every step.)
# 3. In step 10, take 2-3-2 instead of 2-2-2. What does the wrong transpose do now, and why is that
#    the better mistake to make?
# 4. Take the `Map` out of the network that reads. How much worse does it read? Why does a second
#    `Affinity` alone not help?
# 5. Turn the knobs: `NNBench(net).knobs_plot_learning(100)`, in a window or after
#    `%matplotlib widget`. At which rate does the quadratic map begin to run away?
# 6. Plant an error that `gradient_check` does not see. (If you find one, tell us.)
