# %% [markdown]
# # Lesson 1: layers that carry their own backprop
#
# **The question.** Can a network whose every gradient is written out by hand, in twenty lines,
# read handwritten digits? And how would one know that the gradients are right?

# %%
import copy

import numpy as np

from minigrad import Adam, Affinity, Layer, Map, Network, data, gradient_check, plots
from minigrad.errors import GradientError
from minigrad.lesson import Lesson
from minigrad.text import table

lesson = Lesson("01-layers", "Lesson 1: layers that carry their own backprop")

# %% [markdown]
# ## 1. What there is to read
#
# The package carries 6,000 digits to learn from and 1,000 that are kept back. Each is a row of
# 784 numbers between 0 (paper) and 1 (ink), the grey values of 28 by 28 pixels.

# %%
train, test = data.digits()
print(f"{len(train)} digits to learn from, {len(test)} kept back, {train.x.shape[1]} numbers each")
captions = [str(label) for label in test.labels[:30]]
lesson.show(plots.image_grid(test.x[:30], (28, 28), captions, columns=10), "digits")

# %% [markdown]
# ## 2. A layer, and what it must tell the layer below
#
# The plainest map from 784 numbers to 10 is an affine one, $y = M x + b$. A loss $E$ that depends
# on $y$ depends on everything that $y$ was made of. Changing $M_{ij}$ by a little changes $y_i$
# by $x_j$ times as much, changing $x_j$ changes *every* $y_i$, by $M_{ij}$ times as much:
#
# $$\frac{\partial E}{\partial M_{ij}} = \frac{\partial E}{\partial y_i} x_j, \qquad
#   \frac{\partial E}{\partial b_i} = \frac{\partial E}{\partial y_i}, \qquad
#   \frac{\partial E}{\partial x_j} = \sum_i M_{ij} \frac{\partial E}{\partial y_i}.$$
#
# The first two are what the layer learns from. The third is what the layer below needs, since our
# $x$ is its $y$: it is $M^T$ that stands there, not $M$. Here is a layer that says just that, for
# one vector at a time.


# %%
class OneAffinity(Layer):
    """y = M x + b for one vector x."""

    def __init__(self, n, m):
        self.declare(M=(m, n), b=(m,))

    def forward(self, x):
        self.x = x
        return self.M @ x + self.b

    def backprop(self, dy):
        self.dM += np.outer(dy, self.x)
        self.db += dy
        return self.M.T @ dy


# %% [markdown]
# ## 3. Is it right?
#
# Nothing in the code above shows whether a gradient is right. But the definition of a derivative
# does: move one number a little, and see what the loss does. `gradient_check` does so for every
# parameter, with a random $\partial E / \partial y$, so that no error can hide behind a symmetry.

# %%
one = OneAffinity(4, 3)
right = gradient_check(one, x=[0.3, -1.2, 0.8, 2.0], rng=1)
print(right)
assert right.error < 1e-8

# %% [markdown]
# And would it notice an error? The one that is made most often is to forget the transpose. On a
# square matrix nothing complains: all the shapes fit. The check does.


# %%
class ForgotTheTranspose(OneAffinity):
    def backprop(self, dy):
        super().backprop(dy)
        return self.M @ dy


try:
    gradient_check(ForgotTheTranspose(3, 3), x=[0.3, -1.2, 0.8], rng=1)
except GradientError as error:
    missed = error.report.error
    print(error)
else:
    raise AssertionError("the check did not see the wrong transpose")

# %% [markdown]
# ## 4. A network is layers in a row
#
# `Affinity` is that layer, for whole batches. Two of them in a row are only a third affine map, so
# something that bends has to stand between: `Map` applies one scalar function to every number,
# here relu, $\max(0, x)$. The parameters of all layers lie end to end in one vector, `net.theta`.

# %%
net = Network(
    Affinity(784, 32, init="he", rng=1),
    Map("relu"),
    Affinity(32, 10, rng=2),
)
print(net.summary())
checked = gradient_check(net, train.x[:5], rng=1)
print(checked)
assert checked.error < 1e-6

# %% [markdown]
# ## 5. Learn
#
# The ten outputs are read as scores: the largest is the answer. The loss is the cross-entropy of
# their softmax, $E = -\ln p_{\text{label}}$ with $p_i = e^{y_i} / \sum_j e^{y_j}$, whose gradient
# is as plain as can be: $\partial E / \partial y = p - \text{onehot}(\text{label})$. Before it has
# learned anything the network is right one time in ten.

# %%
before = net.accuracy(test.x, test.labels)
history = net.fit(
    train.x, train.labels, epochs=20, batch=128, loss="softmax_cross_entropy",
    optimizer=Adam(3e-3), rng=1, validation=(test.x, test.labels),
)  # fmt: skip
after = net.accuracy(test.x, test.labels)
print(history)
print(f"read correctly of the digits kept back: {before:.1%} before, {after:.1%} after")
lesson.show(plots.learning_curve(history), "learning-curve")
assert after > 0.91

# %% [markdown]
# The loss on the digits that it learns from goes on falling when that on the digits kept back has
# long stopped: from then on it learns these 6,000 by heart, rather than how digits look.

# %%
best = int(np.argmin(history.validation_loss)) + 1
print(f"the loss on digits kept back is least after epoch {best} of {len(history.loss)}")

# %% [markdown]
# ## 6. What it gets wrong
#
# A percentage is not much to look at. These are the digits that it misread, each with its label
# and what was read instead. How many would you have got right?

# %%
read = net.predict(test.x).argmax(axis=-1)
wrong = np.flatnonzero(read != test.labels)
captions = [f"{test.labels[i]}, not {read[i]}" for i in wrong[:40]]
lesson.show(plots.image_grid(test.x[wrong[:40]], (28, 28), captions, columns=10), "errors")
lesson.show(plots.confusion(test.labels, read), "confusion")

pairs = np.sort(np.stack([test.labels[wrong], read[wrong]]), axis=0)
kinds, counts = np.unique(pairs, axis=1, return_counts=True)
(a, b), count = kinds[:, counts.argmax()], counts.max()
print(f"{len(wrong)} of {len(test)} misread; most often {a} and {b} for each other, {count} times")

# %% [markdown]
# ## 7. What the hidden units look for
#
# Every row of the first $M$ is 784 weights: an image. Where it is red, ink excites the unit; where
# it is blue, ink silences it. Units that look like nothing have died: their weights went where no
# digit brings them above 0, there relu has slope 0, and with that nothing will ever move them.

# %%
lesson.show(plots.receptive_fields(net.layers[0], (28, 28)), "receptive-fields")
hidden = Network(*(copy.deepcopy(layer) for layer in net.layers[:2]))
dead = int((hidden.predict(train.x) == 0).all(axis=0).sum())
print(f"{dead} of {net.layers[0].m} hidden units answer 0 to each of the {len(train)} digits")

# %% [markdown]
# ## 8. All of MNIST (`--full`)
#
# Ten times as many digits leave less to learn by heart.

# %%
if lesson.full:
    full_train, full_test = data.mnist(lesson.mnist)
    large = Network(Affinity(784, 128, init="he", rng=1), Map("relu"), Affinity(128, 10, rng=2))
    large = large.to(dtype="float32")
    optimizer = Adam(3e-3)

    def slower(net, history):
        optimizer.alpha *= 0.87

    large.fit(
        full_train.x.astype("float32"), full_train.labels, epochs=25, batch=256,
        loss="softmax_cross_entropy", optimizer=optimizer, rng=1, callbacks=[slower],
    )  # fmt: skip
    hits = large.accuracy(full_test.x.astype("float32"), full_test.labels)
    print(f"784-128-10 on all of MNIST: {hits:.2%} of {len(full_test)} digits kept back")

# %% [markdown]
# ## The answer
#
# Yes: three layers, of which two learn, with gradients of a line each, read more than nine in ten
# of digits that they have never seen; and that the gradients are right was not believed but shown.

# %%
print(
    table(
        ("claim", "here", "holds"),
        [
            ("left-multiply by M^T: the check agrees", f"error {right.error:.0e}", "yes"),
            ("M instead of M^T is noticed, though the shapes fit", f"error {missed:.1f}", "yes"),
            ("every gradient of 784-32-10 is right", f"error {checked.error:.0e}", "yes"),
            ("it starts at chance", f"{before:.1%}", "yes" if before < 0.3 else "no"),
            ("it reads more than 91 % of new digits", f"{after:.1%}", "yes"),
        ],
    )
)

# %% [markdown]
# ## Exercises
#
# 1. Write a layer of your own, $y = a \cdot x$ with one number $a$, `declare(a=(1,))`, and have it
#    pass `gradient_check`. What is $\partial E / \partial a$, and over what must it be summed?
# 2. Take out the `Map`. How much worse does the network read? Why does a second `Affinity` alone
#    not help?
# 3. Learn with `GradientDescent(0.1)` instead of `Adam`. Find the largest rate that does not end
#    in `Diverged`; what does the message tell you?
# 4. Plant an error that `gradient_check` does not see. (If you find one, tell us.)
