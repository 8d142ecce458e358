# %% [markdown]
# # Exercise 18: reading by majority vote
#
# Fifty units have learned from digits, each of which was won by one of them. Nobody has told them a
# label. To read what they say, look at some samples whose labels are known: a unit is named after
# the label of most of the samples that it won. From then on the winner of a sample speaks for it.
#
# $$\text{name}_i = \arg\max_c\ \#\{\text{samples that unit } i \text{ won, of label } c\}$$
#
# What counts is the number of samples, however frequent a label is as a whole. Of labels with
# equally many votes the smallest wins. A unit that won nothing has no name, which is written -1;
# should it win a sample later on, it says the most frequent of all the known labels, of equally
# frequent ones the smallest.

# %%
import numpy as np


def vote(winners, labels, units, classes):
    """The name of each unit: the label of most of the samples that it won, or -1 if it won none.

    winners: (samples,), 0 to units - 1; labels: (samples,), 0 to classes - 1; units, classes: how
    many there are  ->  names: (units,), integers
    """
    # >>> yours
    votes = np.zeros((units, classes), dtype=int)
    np.add.at(votes, (winners, labels), 1)
    names = votes.argmax(axis=1)
    names[votes.sum(axis=1) == 0] = -1
    return names
    # <<<


def read_out(names, winners, labels):
    """What each sample is read as: the name of its winner; if that is -1, the most frequent label.

    names: (units,), as of `vote`; winners: (samples,), of the samples to be read; labels:
    (known samples,), those that `vote` was given  ->  read: (samples,), integers
    """
    # >>> yours
    often = np.bincount(labels).argmax()
    said = names[winners]
    return np.where(said < 0, often, said)
    # <<<


# %% [markdown]
# ## Put it to use: units get their names
#
# Fifty units of the package learn digits, one winner a digit, from noise. Your vote names them by
# the training digits, and your read-out reads the test digits; the package's own does the same. The
# picture shows what each unit has learned, and its name. Those named -1 have stayed as they began;
# others nearly so. How many digits did these win?

# %%
if __name__ == "__main__":
    from minigrad import data, plots
    from minigrad.hebbian import MajorityVote, WinnerTakeAll, unit_rows
    from minigrad.lesson import show

    train, test = data.digits()
    x, y = unit_rows(train.x), unit_rows(test.x)
    layer = WinnerTakeAll(784, 50, rate=0.05, length=1.7, rng=2)
    layer.learn(x[np.random.default_rng(1).permutation(len(x))])

    names = np.asarray(vote(layer.winners(x), train.labels, units=50, classes=10))
    read = read_out(names, layer.winners(y), train.labels)
    packaged = MajorityVote().fit(layer(x), train.labels).accuracy(layer(y), test.labels)
    print(f"read right: {np.mean(read == test.labels):.1%} of {len(y)} test digits by your vote, "
          f"{packaged:.1%} by the package's")  # fmt: skip
    print(f"units without a name: {np.sum(names < 0)}")

    order = np.argsort(names, kind="stable")
    captions = [str(int(name)) for name in names[order]]
    ax = plots.image_grid(unit_rows(layer.W)[order], (28, 28), captions, columns=10)
    ax.set_title("Fifty units, and the names that your vote gives them")
    show(ax, "18_majority_vote")
