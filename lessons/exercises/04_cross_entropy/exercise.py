# %% [markdown]
# # Exercise 4: the cross-entropy of a softmax
#
# A network that sorts into m classes ends in m scores (logits) y for each sample, of any size and
# sign. The softmax makes probabilities of them, and the loss is what it costs that the right class,
# the label, did not get all of it:
#
# $$p_i = \frac{e^{y_i}}{\sum_j e^{y_j}} \qquad E = -\ln p_{\text{label}} \qquad
# \frac{\partial E}{\partial y_i} = p_i - \begin{cases} 1 & i = \text{label} \\
# 0 & \text{otherwise} \end{cases}$$
#
# Each sample has its own E, and its own row of the gradient. Nothing is summed or averaged over the
# batch: the package takes the mean itself. Labels are whole numbers, 0 to m - 1. ln is the natural
# logarithm.
#
# One thing the formulas do not tell: $e^{1000}$ is too large for a float, and $e^{-1000}$ is 0,
# whose logarithm is $-\infty$. Yet E is harmless, whatever the scores. Two facts help: p stays the
# same if one number is subtracted from all scores of a sample, and
#
# $$\ln p_i = y_i - \ln \sum_j e^{y_j}$$
#
# needs no logarithm of a small number. Your E must be right for scores near 1000, near -1000, and
# where the scores of one sample are 1000 apart. y and labels stay as they are.

# %%
import numpy as np


def cross_entropy(y, labels):
    """E = -ln p_label with p = softmax(y), one number a sample, and its gradient dE/dy.

    y: (batch, m), labels: (batch,), whole numbers  ->  E: (batch,), dy: (batch, m)
    """
    # >>> yours
    y = y - y.max(axis=1, keepdims=True)
    log_p = y - np.log(np.exp(y).sum(axis=1, keepdims=True))
    right = np.arange(len(y)), labels
    E = -log_p[right]
    dy = np.exp(log_p)
    dy[right] -= 1
    return E, dy
    # <<<


# %% [markdown]
# ## Put it to use: what the loss says of a digit
#
# Your function becomes a `Loss` of the package, and a network learns to read with it. Then it is
# asked about 1,000 digits that it did not learn from. Six of them are drawn, from the one with the
# smallest E to the one with the largest; under each is its gradient. A bar below 0 is a score that
# learning from this digit would raise, a bar above 0 one that it would lower: nothing where the
# network is right and sure, everything where it is sure and wrong.

# %%
if __name__ == "__main__":
    from minigrad import Adam, Affinity, Map, Network, data
    from minigrad.lesson import show
    from minigrad.losses import Loss
    from minigrad.plots.axes import figure

    mine = Loss(  # fit hands on rows that are 1 at the label
        "mine",
        value=lambda xp, y, target: cross_entropy(y, target.argmax(axis=1))[0],
        gradient=lambda xp, y, target: cross_entropy(y, target.argmax(axis=1))[1],
        of_labels=True,
    )
    train, test = data.digits()
    net = Network(Affinity(784, 32, init="he", rng=1), Map("relu"), Affinity(32, 10, rng=2))
    net.fit(train.x, train.labels, epochs=8, batch=64, loss=mine, optimizer=Adam(3e-3), rng=3)
    E, dy = cross_entropy(net.predict(test.x), test.labels)
    print(f"read correctly: {net.accuracy(test.x, test.labels):.1%} of new digits")
    print(f"their mean E: {E.mean():.2f}; of a guess it would be ln 10 = {np.log(10):.2f}")

    drawn = figure((9.6, 3.6))
    images, bars = drawn.subplots(2, 6, sharey="row")
    order = np.argsort(E)
    chosen = order[[0, *np.searchsorted(E[order], [0.1, 0.7, 1.5, 3.0]), -1]]
    for i, image, bar in zip(chosen, images, bars, strict=True):
        image.imshow(test.x[i].reshape(28, 28), cmap="gray_r")
        image.set_axis_off()
        image.set_title(f"label {test.labels[i]}\n$E$ = {E[i]:.2f}")
        bar.bar(range(10), dy[i], color=np.where(dy[i] < 0, "C0", "C3"))
        bar.axhline(0, color="k", lw=0.8)
        bar.set(xlabel="class", ylim=(-1.05, 1.05), xticks=range(0, 10, 3))
    bars[0].set_ylabel(r"$\partial E / \partial y$")
    show(drawn, "04_cross_entropy")
