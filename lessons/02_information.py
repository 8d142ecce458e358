# %% [markdown]
# # Lesson 2: what does a layer know?
#
# **The question.** Does a network forget its input while it learns? A notebook watched a small
# network learn XOR and drew, epoch by epoch, how much every layer tells of the input, I(X;T), and
# of the label, I(T;Y). The curves rise and fall; famous papers have such curves, and a theory of
# why networks learn. But who measured the ruler?

# %%
import itertools
import math

import numpy as np

from minigrad import Adam, Affinity, GradientDescent, Map, Network, backend, data, plots, stacks
from minigrad.information import (
    Bins,
    InformationPlane,
    by_bins,
    by_neighbours,
    by_pairs,
    examine,
    kraskov,
    pairwise_bounds,
    participation_ratio,
    plug_in,
    ross,
    singular_value_ratio,
)
from minigrad.information.plane import activations, log_spaced
from minigrad.lesson import Lesson
from minigrad.plots.axes import axes, figure
from minigrad.text import table

lesson = Lesson("02-information", "Lesson 2: what does a layer know?")
rng = np.random.default_rng(2)

# %% [markdown]
# ## 1. Information, by hand
#
# Before you look at $Y$, its entropy $H(Y) = -\sum p \ln p$ says how much there is to know. What
# $X$ tells of it is what looking at $X$ saves, $I(X;Y) = H(X) + H(Y) - H(X,Y)$. In XOR there are
# four cases, each with $p = 1/4$. One bit of the input tells nothing; both tell all.

# %%
facts = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]])  # x0, x1, y


def entropy_of(columns):
    _, counts = np.unique(columns, axis=0, return_counts=True)
    p = counts / counts.sum()
    return -(p * np.log2(p)).sum()


def information(x, y):
    return entropy_of(x) + entropy_of(y) - entropy_of(np.concatenate([x, y], axis=1))


one, both, y = facts[:, :1], facts[:, :2], facts[:, 2:]
print(f"H(Y) = {entropy_of(y):.0f} bit, I(X0;Y) = {information(one, y):.0f}, "
      f"I(X0,X1;Y) = {information(both, y):.0f}")  # fmt: skip
assert information(one, y) == 0 and information(both, y) == 1

# %% [markdown]
# ## 2. From samples
#
# Of a layer we have no probabilities, only samples. Count them, divide by $N$, and put the shares
# into the formula: that is the *plug-in* estimate, `plug_in`. Real numbers have to be put into bins
# first. What it returns is not a bare number: it has a unit, says how it was made, and names its
# *ceiling*, the most that it can say whatever the truth.

# %%
print(plug_in(np.tile(both, (2, 1)), np.tile(y, (2, 1))).bits)  # every fact twice
coins = rng.integers(0, 2, (500, 2))
print(plug_in(coins, coins[:, 0] ^ coins[:, 1]).bits)
t = rng.uniform(-1, 1, (500, 2))
label = rng.integers(0, 2, 500)
print(plug_in(t, label, bins=4))

# %% [markdown]
# ## 3. Five hundred points in ten thousand cells
#
# The last one was a trap: `t` and `label` have nothing to do with each other, the truth is 0. The
# notebook used 100 bins along both units. What does it find in independent numbers?

# %%
trap = plug_in(t, label, bins=100)
print(trap)
print(f"of {math.log(2):.3f} = ln 2 that there is to know about a label, it finds {trap:.3f}")
assert trap > 0.9 * math.log(2)

# %% [markdown]
# Nearly every point is alone in its cell, and the label of a cell with one point is known exactly.
# In general, for two independent variables in $K_X$ and $K_Y$ cells, the plug-in estimate is too
# high by about $(K_X - 1)(K_Y - 1) / 2N$, as long as that is small; when there are more cells than
# points, it runs into the ceiling. What it would say of *nothing* one can ask: shuffle the labels,
# so that nothing is left to find, and estimate again. That is the *null*.
#
# (Why does the orange curve dip? With an odd number of bins the middle one holds both signs; bins
# whose edges miss 0 mix the labels.)

# %%
counts = [2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100]
side = (t[:, 0] * t[:, 1] > 0).astype(int)  # a label that t does tell: truth ln 2
curves = {"independent": label, "XOR of the signs": side}
ax = axes(size=(6.4, 4.0))
for (name, of), colour in zip(curves.items(), ("C0", "C1"), strict=True):
    found = [plug_in(t, of, bins=b) for b in counts]
    ax.plot(counts, found, ".-", color=colour, label=name)
    nulls = [e.null(20, rng) for e in found]
    low, high = (np.array([n.level + s * 2 * n.spread for n in nulls]) for s in (-1, 1))
    ax.fill_between(counts, low, high, color=colour, alpha=0.3, label=f"{name}, its null")
ax.axhline(math.log(2), color="k", linestyle=":", label="ceiling, ln 2")
ax.set(xscale="log", xlabel="bins along each unit", ylabel="I(T;Y) (nats)", xticks=counts[::2])
ax.xaxis.set_major_formatter("{x:g}")
ax.minorticks_off()
ax.legend(frameon=False)
lesson.show(ax, "bins")
trap.null(20, rng)
print(trap)
told = plug_in(t, side, bins=4)
print(told, "| saturated:", told.saturated)
print(f"the formula, for 4 bins: {15 * 1 / 1000:.3f}; the null: {told.known_null.level:.3f}")
assert trap.saturated and trap.known_null.level > 0.9 * math.log(2)

# %% [markdown]
# ## 4. Other rulers
#
# One can take off the first term of the bias (Miller and Madow), or ask how much of the law the
# sample has not seen (Chao and Shen). Or count no cells at all: if $x$ and $y$ are dependent, those
# who are near a point in both are fewer than those who are near it in one. Kraskov, Stögbauer and
# Grassberger made that an estimator, `kraskov`; Ross did it for labels, `ross`. The truth is 0:

# %%
corrections = (None, "miller-madow", "chao-shen")
bare, first_term, coverage = (plug_in(t, label, bins=10, correction=c) for c in corrections)
near = ross(t, label)
for estimate in (bare, first_term, coverage, near):
    estimate.null(rng=rng)
    print(estimate)
assert abs(float(first_term)) < float(bare) and abs(float(near)) < float(bare)

# %% [markdown]
# The correction by coverage takes off too much here, and none of them rescues ten thousand cells.
# Which can one believe? Ask them what one knows already: `examine` holds any estimator, your own
# too, against laws whose information has a closed form. Kraskov's says too little where tails are
# heavy, where columns are many, and where the noise is small. ("Unclear": more repeats would tell.)

# %%
examined = examine(kraskov, "continuous", sizes=(100, 300, 1000), repeats=5, rng=1)
laws = (
    "normal, rho 0.9",
    "Swiss roll, rho 0.75",
    "normal 5 x 5, all 1/2",
    "uniform + noise to 0.1",
    "Student-t 3 x 3, dof 2",
)
print(examine(kraskov, laws, sizes=(100, 300, 1000), repeats=5, rng=1))
lesson.show(plots.known_answers(examined), "known-answers")
itself = kraskov(x := rng.standard_normal(500), x)
print(itself, "(truth: infinite)")
assert itself.saturated

# %% [markdown]
# ## 5. Two lines of the notebook
#
# A value below the range got a negative cell number, which in Python counts from the end: what lay
# left of the first cell went into the last. `plug_in` refuses what is outside.

# %%
cell = int(np.floor((-1.03 - -1.0) / (2.0 / 100)))
print(f"the cell of -1.03 in 100 cells on [-1, 1]: {cell}, that is, {np.arange(100)[cell]}")
try:
    plug_in([-1.03, 0.5], [0, 1], bins=Bins(100, low=-1, high=1))
except ValueError as error:
    print(f"plug_in: {error}")

# %% [markdown]
# And to keep 0/0 out, it left out all terms whose ratio $p_{xy} / p_x p_y$ is below 1/1000: true
# terms, and negative ones, so that the sum comes out too high. Take two variables of 40 values that
# agree, but for one pair in ten million of each kind that does not. `plug_in` counts occupied cells
# only, so that there is no 0/0.

# %%
p = np.full((40, 40), 1e-7)
np.fill_diagonal(p, (1 - p.sum() + np.trace(p)) / 40)
ratio = p / p.sum(axis=0) / p.sum(axis=1)[:, None]
terms = p * np.log(ratio)
dropped = terms[ratio > 1e-3].sum() - terms.sum()
print(f"what leaving out small ratios adds here: {dropped:+.1e} nats")
assert cell == -2 and dropped > 0

# %% [markdown]
# ## 6. A layer tells everything
#
# $T = f(X)$ is a function of $X$. If $X$ is a real number and $f$ does not collapse it (a tanh with
# any weight but 0 does not), then $T$ tells *all* about $X$: $I(X;T)$ is infinite, and no learning
# changes it. What one draws instead is a matter of the bins: the more, the more it tells. Or, more
# honestly, of a noise that one states, $T = f(X) + N(0, s^2)$, for which there are a lower and an
# upper bound. Bins and noise are part of the model.

# %%
x = rng.uniform(-1, 1, 1000)
layer = Network(Affinity(1, 1, init="ones"), Map("tanh"))
seen = backend.host(layer(x[:, None].tolist()))
for bins in (10, 100, 1000):
    print(f"{bins:5} bins: {float(plug_in(x, seen, bins=(None, bins))):.2f} nats,", end=" ")
print(f"ln 1000 = {math.log(1000):.2f}")
print(kraskov(x, seen))
for noise in (0.1, 0.001):
    print(pairwise_bounds(seen, noise))

# %% [markdown]
# ## 7. The data, and an XOR that was not
#
# The notebook scatters points over the unit square, cuts it into four cells, and labels a random
# half of them 1. It calls that XOR. How often is it? We say it explicitly.


# %%
def is_xor(points):
    """Whether opposite corners have the same label, and neighbours not."""
    corner = np.zeros((2, 2), int)
    column, row = (points.host >= 0.5).astype(int).T
    corner[column, row] = points.labels
    return corner[0, 0] == corner[1, 1] and corner[0, 1] == corner[1, 0] != corner[0, 0]


share = np.mean([is_xor(data.grid(100, rng=seed)) for seed in range(300)])
print(f"a random half of four cells is XOR in {share:.0%} of 300 draws (two halves of six are)")
assert 0.2 < share < 0.45
train, test = data.xor_grid(1000, rng=4).split(500)

# %% [markdown]
# ## 8. The notebook's network, from 32 starts
#
# Four affine layers of two units with a tanh behind each, the last one too; weights N(0, 1); rate
# 0.1; batches of ten. The notebook trained it once. One start is an anecdote, so we take 32, as one
# stack. `InformationPlane` is called before and after every epoch, and records at some of them:
# here through the notebook's own ruler (100 bins) and by neighbours, of four of the networks, and
# through ten bins of all. Inputs fall into four cells along each side, as in the notebook. Accuracy
# is that on points kept back; the notebook's was that on what was learned from.

# %%
EPOCHS = 2000 if lesson.full else 500


def chain(widths, kind, init):
    """Affine layers with a map behind each; a relu's last layer is left without one."""
    layers = []
    for n, m in itertools.pairwise(widths):
        layers += [Affinity(n, m, init=init), Map(kind)]
    return Network(*layers[:-1] if kind == "relu" else layers)


def watched(net, probes, epochs, rng):
    """`net` after learning, and what was seen of it on the way."""
    plane = InformationPlane(
        train.x,
        train.labels,
        probes,
        log_spaced(epochs, 17),
        held_out=(test.x, test.labels),
        rng=rng,
    )
    plane(net)
    net.fit(
        train.x, train.labels, epochs, batch=10, loss="softmax_cross_entropy",
        optimizer=GradientDescent(0.1), rng=rng, callbacks=[plane],
    )  # fmt: skip
    return plane


few, notebook = (0, 1, 2, 3), "100 bins"
probes = {
    notebook: by_bins(100, shuffles=10, members=few),
    "Kraskov": by_neighbours(noise=0.01, shuffles=3, members=few),
    "10 bins": by_bins(10, shuffles=5),
}
many = chain([2, 2, 2, 2, 2], "tanh", "normal").stack(32, rng=1)
plane = watched(many, probes, EPOCHS, rng=3)
solved = plane.accuracy[-1] > 0.95
print(f"{solved.sum()} of 32 starts solve XOR within {EPOCHS} epochs (accuracy above 95 %)")
lesson.show(plots.information_curves(plane, notebook), "curves")
shuffled = (plane.curve(notebook, "label", "null") / plane.curve(notebook, "label"))[:, few, 0]
bias = float(shuffled.mean())
print(f"of I(T;Y) of layer 1 in 100 bins, {bias:.0%} are there when nothing is to be found")
assert 3 <= solved.sum() <= 24 and bias > 0.5

# %% [markdown]
# The dashed lines are the nulls: most of what these curves show is what shuffled data show too.
# That layer 1 tells nearly ln 2 of the label is *true*, by step 6; but this ruler would say nearly
# so of anything. And I(X;T) falls. Does the layer forget, or does the ruler's bias fall, as fewer
# cells are occupied? Compare the fall, from the highest value to the last, with that of the null:
# by 100 bins nobody can tell. By neighbours, for a stated noise, the value falls and its null not.


# %%
def fall_of(ruler, layer=3):
    """I(X;T) of a layer, mean of the four: at its highest and at the end; and the null's."""
    value, null = (plane.curve(ruler, kind=kind)[:, few, layer].mean(axis=1)
                   for kind in ("value", "null"))  # fmt: skip
    top = value.argmax()
    return value[top], value[-1], value[-1] - value[top], null[-1] - null[top]


falls_of = {ruler: fall_of(ruler) for ruler in probes}
print(
    table(
        ("layer 4", "highest", "at the end", "fell by", "its null by"),
        [(ruler, *(f"{v:.2f}" for v in values)) for ruler, values in falls_of.items()],
    )
)

# %% [markdown]
# The plane itself, for the mean of all 32, with ten bins:

# %%
lesson.show(plots.information_plane(plane, "10 bins"), "plane")

# %% [markdown]
# ## 9. What tells them apart
#
# Why do some starts fail? Look at the first layer. Each of its units cuts the square along a line,
# at right angles to its row of $M$. Two cuts that cross can part the four cells. Two parallel ones
# leave a strip along a diagonal. That is enough for the four *corners* of XOR, but over the whole
# square a strip of half-width $w$ is right for $1/2 + 2w - 3w^2$ of the points, 5/6 at most. And
# where the cuts do cross, a later layer can still fold one corner onto the wrong side.

# %%
rows = backend.host(many.layers[0].M)
size = np.linalg.norm(rows, axis=2)
cosine = np.abs((rows[:, 0] * rows[:, 1]).sum(axis=1) / (size[:, 0] * size[:, 1]))
right = activations(many, test.host)[-1].argmax(axis=-1) == test.labels
corner = (test.host >= 0.5) @ [2, 1]  # which of the four cells a point lies in
worst = np.stack([right[:, corner == c].mean(axis=1) for c in range(4)]).min(axis=0)
parallel = ~solved & (cosine > 0.9)
folded = ~solved & ~parallel & (worst < 0.5)
fate = {
    "solved": solved,
    "parallel cuts": parallel,
    "a corner folded": folded,
    "undecided": ~(solved | parallel | folded),
}
ends = {
    "accuracy": plane.accuracy[-1],
    "|cos|": cosine,
    **{f"I(T{i};Y)": plane.curve("10 bins", "label")[-1, :, i - 1] for i in (1, 2, 4)},
    "null of T1": plane.curve("10 bins", "label", "null")[-1, :, 0],
}
print(
    table(
        ("fate", "starts", *ends),
        [
            (name, which.sum(), *(f"{values[which].mean():.2f}" for values in ends.values()))
            for name, which in fate.items() if which.any()
        ],
    )
)  # fmt: skip
assert cosine[solved].max() < 0.5
assert not parallel.any() or plane.accuracy[-1][parallel].max() < 5 / 6 + 0.05

# %% [markdown]
# With parallel cuts the first layer itself tells less of the label. With a folded corner it tells
# as much as in a network that succeeds, and the loss comes later: once two cells are folded onto
# each other, no later layer can part them again.

# %%
shown = [name for name, which in fate.items() if which.any()][:3]
drawn = figure((9.2, 2.5 * len(shown)))
grid = drawn.subplots(len(shown), 4, squeeze=False)
for name, row in zip(shown, grid, strict=True):
    one_of_them = stacks.member(many, int(np.flatnonzero(fate[name])[0]))
    plots.feature_maps(one_of_them, train.x, train.labels, drawn=row)
    row[0].set_ylabel(f"{name}\nunit 2")
lesson.show(drawn, "features")

# %% [markdown]
# ## 10. How many dimensions?
#
# The dimension of a representation is the *participation ratio* of its variances,
# $(\sum \lambda_i)^2 / \sum \lambda_i^2$: 1 for a line, 2 for a disc. The notebook took singular
# values, which are standard deviations, and so counted thin directions for too much.

# %%
flat = rng.standard_normal((500, 2)) * [1, 0.1]
dims = {"variances": participation_ratio(flat), "singular values": singular_value_ratio(flat)}
print(
    {name: f"{value:.2f}" for name, value in dims.items()}, "of a cloud ten times as long as wide"
)
course = {
    name: [plane.dimension[:, which, 3].mean(axis=1)[at] for at in (0, slice(None), -1)]
    for name, which in (("solved", solved), ("the others", ~solved))
}
for name, (start, seen, end) in course.items():
    print(f"layer 4, {name}: {start:.2f} at the start, {seen.max():.2f} at most, {end:.2f} at last")
assert dims["variances"] < 1.1 < dims["singular values"] and course["solved"][2] < 1.2

# %% [markdown]
# ## 11. Does it compress?
#
# Shwartz-Ziv and Tishby saw $I(X;T)$ rise and then fall, and called the fall compression: the
# network forgets. Saxe and others answered that it falls because tanh saturates, so that points
# gather in the outermost bins, and that relu networks learn without it. All inputs differ, so that
# such an $I(X;T)$ is the entropy of the layer at some resolution, and no shuffle can change it: it
# says how spread out the outputs are. So we ask rulers that mean different things by that: bins
# along the activation's range (for relu, which has no end, along the layer's own), bins of equal
# share, which do not care for scale, and a noise of fixed size. A change counts if all agree, over
# 32 starts. Hidden layers of six, since of two relus hardly any start learns.

# %%
SHORT = 1000 if lesson.full else 250
rulers = {
    name: probe._replace(of_label=None)  # I(X;T) only
    for name, probe in {
        "10 bins": by_bins(10, input_bins=None),
        "10 quantiles": by_bins(Bins(10, by="quantile"), input_bins=None),
        "noise 0.01": by_pairs(0.01),
    }.items()
}
planes = {
    kind: watched(chain([2, 6, 6, 6, 2], kind, init).stack(32, rng=2), rulers, SHORT, rng=5)
    for kind, init in (("tanh", "glorot"), ("relu", "he"))
}


def change(plane, ruler):
    """I(X;T) at the end less that at its peak, per layer: mean over starts, and twice its error.

    The peak of a noisy curve lies too high, so each half of the starts says for the other when.
    """
    curve = plane.curve(ruler)
    halves = curve[:, :16], curve[:, 16:]
    peaks = [half.mean(axis=1).argmax(axis=0) for half in halves[::-1]]
    fall = np.concatenate([
        np.stack([half[-1, :, i] - half[at, :, i] for i, at in enumerate(peak)], axis=1)
        for half, peak in zip(halves, peaks, strict=True)
    ])  # fmt: skip
    return fall.mean(axis=0), 2 * fall.std(axis=0, ddof=1) / math.sqrt(len(fall))


falls = {(kind, ruler): change(planes[kind], ruler) for kind in planes for ruler in rulers}
drawn = figure((8.0, 3.6))
for panel, kind in zip(drawn.subplots(1, 2, sharey=True), planes, strict=True):
    for shift, ruler in zip((-0.15, 0, 0.15), rulers, strict=True):
        mean, error = falls[kind, ruler]
        panel.errorbar(np.arange(1, 5) + shift, mean, error, fmt="o", capsize=3, label=ruler)
    panel.axhline(0, color="k", linewidth=0.8)
    panel.set(title=kind, xlabel="layer", xticks=range(1, 5))
drawn.axes[0].set_ylabel("I(X;T), end less peak (nats)")
drawn.axes[0].legend(frameon=False, loc="lower left", title="mean of 32 starts, 2 s.e.")
lesson.show(drawn, "compression")
print(
    table(
        ("", "accuracy", *(f"layer {i}" for i in range(1, 5))),
        [
            (f"{kind}, {ruler}", f"{planes[kind].accuracy[-1].mean():.2f}",
             *(f"{m:+.2f} ± {e:.2f}" for m, e in zip(*falls[kind, ruler], strict=True)))
            for kind, ruler in falls
        ],
    )
)  # fmt: skip
agreed = {
    kind: [
        i + 1 for i in range(4)
        if all(falls[kind, ruler][0][i] + falls[kind, ruler][1][i] < 0 for ruler in rulers)
    ]
    for kind in planes
}  # fmt: skip
print(f"layers whose I(X;T) falls by every ruler: {agreed}")
grown = float(falls["relu", "noise 0.01"][0].max())
shrunk = float(falls["relu", "10 quantiles"][0].min())
assert {3, 4} <= set(agreed["tanh"]) and not {1, 2} & set(agreed["relu"])

# %% [markdown]
# The late layers of tanh gather their points, by every ruler. Of relu one cannot say: by equal
# shares its early layers gather too, for a noise of fixed size they do not, since its outputs grow.

# %% [markdown]
# ## 12. The case that the theory was built on (`--full`)
#
# Twelve bits say which points on a sphere are lit; the label does not change when the sphere is
# turned. All 4,096 patterns, and a network 12-10-7-5-4-3-2. The inputs are symbols here, so that
# $H(X) = 12$ bits exactly. The bound for a noise looks at a quarter of them, as it compares pairs.

# %%
if lesson.full:
    patterns = data.sphere_patterns().shuffled(0)
    train, test = patterns.split(3277)
    deep = {}
    for kind, init in (("tanh", "glorot"), ("relu", "he")):
        many = chain([12, 10, 7, 5, 4, 3, 2], kind, init).stack(32, rng=6)
        by_count = InformationPlane(
            patterns.host.astype(int), patterns.labels,
            {"30 bins": by_bins(30), "30 quantiles": by_bins(Bins(30, by="quantile"))},
            log_spaced(500, 12), held_out=(test.x, test.labels),
        )  # fmt: skip
        quarter = patterns[:1024]
        by_noise = InformationPlane(
            quarter.host, quarter.labels, {"noise 0.01": rulers["noise 0.01"]}, log_spaced(500, 6)
        )
        for recorder in (by_count, by_noise):
            recorder(many)
        many.fit(
            train.x, train.labels, 500, 256, "softmax_cross_entropy", Adam(3e-3), rng=7,
            callbacks=[by_count, by_noise],
        )  # fmt: skip
        deep[kind] = {"30 bins": by_count, "30 quantiles": by_count, "noise 0.01": by_noise}
        lesson.show(plots.information_plane(by_count), f"patterns-{kind}")
        print(f"{kind}: {by_count.accuracy[-1].mean():.1%} of the patterns kept back are right")
    print(
        table(
            ("", *(f"layer {i}" for i in range(1, 7))),
            [
                (f"{kind}, {ruler}", *(
                    f"{m:+.2f} ± {e:.2f}" for m, e in zip(*change(of[ruler], ruler), strict=True)
                ))
                for kind, of in deep.items() for ruler in of
            ],
        )
    )  # fmt: skip

# %% [markdown]
# ## The answer
#
# Sometimes. Late layers of tanh gather what they get, by every ruler that we tried; for relu the
# answer depends on the ruler. A layer without noise tells everything, so that nobody can say *how
# much* it forgets without saying with which bins, or which noise. And of the notebook's own curves
# most was the ruler: half a thousand points in ten thousand cells. (Its tanh on the outputs, by the
# way, keeps its loss above $\ln(1 + e^{-2})$: they cannot be further apart than 1 and -1.)

# %%
floor = math.log(1 + math.exp(-2))
best = float(np.nanmin(plane.loss[-1]))
print(
    table(
        ("what the notebook says", "here", "verdict"),
        [
            ("I(T;Y) of layer 1 is near ln 2", f"{bias:.0%} of it are there when shuffled",
             "true, but it says so of anything"),
            ("I(X;T) of layer 4 falls", f"by {-falls_of[notebook][2]:.2f}, its null by "
             f"{-falls_of[notebook][3]:.2f}", "this ruler cannot tell"),
            ("(others) tanh networks compress", f"by every ruler in layers {agreed['tanh']}",
             "late layers do"),
            ("(others) relu networks do not", f"from {shrunk:+.1f} to {grown:+.1f} nats",
             "depends on the ruler"),
            ("a random half of the cells is XOR", f"in {share:.0%} of the draws", "seldom"),
            ("dimension from singular values", f"{dims['singular values']:.2f}, variances "
             f"{dims['variances']:.2f}", "variances"),
            ("dimension of layer 4", f"solved: {course['solved'][0]:.2f}, "
             f"{course['solved'][1].max():.2f} at most, {course['solved'][2]:.2f}",
             "rises, then falls"),
            ("the network learns XOR", f"{solved.sum()} of 32 starts in {EPOCHS} epochs", "seldom"),
            ("cells below the range", f"cell {cell} of 100", "wrapped around"),
            ("0/0 is kept out by a threshold", f"adds {dropped:.0e} nats", "drops true terms"),
            ("tanh on the outputs", f"loss {best:.2f} at best, floor {floor:.2f}",
             "cannot be sure of itself"),
        ],
    )
)  # fmt: skip

# %% [markdown]
# ## Exercises
#
# Exercises 6 to 8 of `minigrad exercises` have you write three of the estimators, and put them to
# use. Beyond those:
#
# 1. Write `plug_in` for two columns of integers in five lines, and hold it against ours with
#    `examine(yours, "discrete")`. What does it say of 20 coins?
# 2. Take `correction="miller-madow"` in step 3. Up to how many bins does it help, and why no
#    further? (What are $K_X$ and $N$ there?)
# 3. `kraskov(x, x)` is $\psi(N) - \psi(k)$ for any x whose values all differ. Derive it.
# 4. Scale x and y by 10: `kraskov` says the same. Scale y alone by $10^{10}$: it says 0. Which side
#    then sets every $r_i$, and what is $n_x$? (Information does not change under either; an
#    estimate may.)
# 5. Start the network of step 8 with the first layer's rows at right angles, (1, 0) and (0, 1). How
#    many of 32 starts solve XOR now, and do the rows stay so?
# 6. Give the hidden layers of the relu network in step 11 bins on a fixed range,
#    `by_bins(Bins(10, low=0, high=200), input_bins=None)`, `layers=[1, 3, 5]`. What becomes of its
#    compression, and who is to blame?
# 7. Draw the plane of your own network: `InformationPlane(x, labels)`, called before `fit`, among
#    its callbacks, and once more after it. Before you believe a curve, look at its null.
