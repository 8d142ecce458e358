# %% [markdown]
# # Exercise 14: a memory that attends
#
# The dense memory keeps its patterns as they are, a row of X each, and answers a cue $q$ with a
# mean of them. Each speaks as loud as it is like the cue: its overlap with the cue is $m_\mu =
# \sum_j X_{\mu j} q_j$, and one update of the state is
#
# $$q_i^{\text{new}} = \sum_\mu a_\mu X_{\mu i} \qquad
# a_\mu = \frac{e^{\beta m_\mu}}{\sum_\nu e^{\beta m_\nu}}$$
#
# It is the softmax that keeps them apart: a small $\beta$ hears all memories alike, a large one the
# nearest alone. The state is continuous, so no sign is taken. Each row of a batch is a cue of its
# own. Every update lowers the energy, or leaves it where it is:
#
# $$E(q) = -\frac{1}{\beta} \ln \Big( \frac{1}{p} \sum_\mu e^{\beta m_\mu} \Big)
# + \frac{1}{2} \sum_j q_j^2 + \frac{1}{2} \max_\mu \sum_j X_{\mu j}^2$$
#
# with $p$ memories and the natural logarithm. The last term, of the longest memory, is a constant:
# with it $E$ is never below 0.
#
# Overlaps may be large, and $e^{800}$ is infinite for a computer, $e^{-800}$ is 0. Both functions
# should give the right numbers for any $\beta$, and any mixture of loud and faint cues. What may
# be done to all $m_\mu$ of a cue without any change in $a$? And to the logarithm?

# %%
import numpy as np


def softmax_recall(X, q, beta):
    """One update of each cue: the mean of the memories, weighted by softmax(beta X q).

    X: (p, n), q: (batch, n), beta: a number above 0  ->  (batch, n)
    """
    # >>> yours
    z = beta * q @ X.T
    a = np.exp(z - z.max(axis=1, keepdims=True))
    a /= a.sum(axis=1, keepdims=True)
    return a @ X
    # <<<


def softmax_energy(X, q, beta):
    """The energy of each cue: -ln(mean of exp(beta X q)) / beta + q.q / 2 + max(X.X) / 2.

    X: (p, n), q: (batch, n), beta: a number above 0  ->  (batch,)
    """
    # >>> yours
    z = beta * q @ X.T
    top = z.max(axis=1)
    lse = (top + np.log(np.exp(z - top[:, None]).mean(axis=1))) / beta
    longest = (X**2).sum(axis=1).max()
    return (q**2).sum(axis=1) / 2 - lse + longest / 2
    # <<<


# %% [markdown]
# ## Put it to use: half a digit is enough
#
# Three hundred digits are stored, less their mean and scaled to the length $\sqrt{d}$, $d$ being
# the number of pixels. Then the lower halves of the first hundred are hidden: a pixel that is not
# known is 0, and says nothing. Your two functions become the field and the energy of a memory of
# the package, whose network updates until nothing moves and counts how often the energy rose. The
# picture shows one update: small $\beta$, attention's, and a larger one.
#
# With queries $Q$, keys $K$ and values $V$, attention is $\text{softmax}(Q K^T / \sqrt{d})\, V$.
# Here keys and values are both the memories, and $\beta$ stands where $1 / \sqrt{d}$ does.

# %%
if __name__ == "__main__":
    from minigrad import data
    from minigrad.hopfield import HopfieldNetwork, Softmax
    from minigrad.lesson import show
    from minigrad.plots import image_grid
    from minigrad.plots.axes import figure

    class Mine(Softmax):
        """The package's memory, with the update and the energy of this exercise."""

        def field(self, x):
            return softmax_recall(self.X, x, self.beta)

        def energy(self, x, h=None):
            return softmax_energy(self.X, x, self.beta)

    def attention(Q, K, V):
        e = np.exp(Q @ K.T / np.sqrt(K.shape[1]))
        return (e / e.sum(axis=1, keepdims=True)) @ V

    x = data.digits()[0].x[:300]
    d, mean = x.shape[1], x.mean(axis=0)
    size = np.linalg.norm(x - mean, axis=1, keepdims=True) / np.sqrt(d)
    X = (x - mean) / size
    cues = X[:100].copy()
    cues[:, d // 2 :] = 0

    root = 1 / np.sqrt(d)
    off = np.abs(softmax_recall(X, cues, root) - attention(cues, X, X)).max()
    print(f"your update with beta = 1/sqrt(d) and attention are {off:.0e} apart")
    pictures, titles = [x, cues * size[:100] + mean], ["stored", "known"]
    for times in (1 / 4, 1, 4):
        net = HopfieldNetwork(Mine(times * root, coding="real"), max_steps=30).store(X)
        recall = net.recall(cues)
        once, package = net.memory(cues), Softmax(times * root).store(X)(cues)
        print(
            f"beta = {times:g}/sqrt(d): {recall.exact.mean():.0%} of the digits are back, the "
            f"energy rose {recall.rises} times; {np.abs(once - package).max():.0e} from the package"
        )
        pictures.append(once * size[:100] + mean)
        titles.append(rf"$\beta = {times:g}\,/\sqrt{{d}}$")
    pictures[1][:, d // 2 :] = 0.2  # grey: hidden

    drawn = figure((7.6, 5.2))
    for ax, title, images in zip(drawn.subplots(5, 1), titles, pictures, strict=True):
        image_grid(images[:10], (28, 28), columns=10, ax=ax, vmin=0, vmax=1)
        ax.set_title(title, loc="left", fontsize="medium")
    show(drawn, "14_softmax_memory")
