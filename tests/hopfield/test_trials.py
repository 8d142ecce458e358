"""Trials: of memories whose answers are known, against what can be known at all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad import backend
from minigrad.errors import ShapeError
from minigrad.hopfield import (
    Asynchronous,
    Couplings,
    Hebb,
    HopfieldNetwork,
    Memory,
    PseudoInverse,
    Softmax,
    codings,
    decoder,
)
from minigrad.hopfield.trials import decoded, grouped, held_out, table_of, trial

BITS = codings.coding("bits")


def signs(rng, p, n):
    return np.where(rng.random((p, n)) < 0.5, 1.0, -1.0)


class Constant(Memory):
    """It says the same whatever it hears: the first pattern."""

    def __init__(self, patterns):
        self.n, self.patterns = patterns.shape[1], patterns

    def field(self, x):
        return 0 * x + self.patterns[0, :]


class Nearest(Memory):
    """It says the stored pattern that is nearest."""

    def __init__(self, patterns):
        self.n, self.patterns = patterns.shape[1], patterns

    def field(self, x):
        return self.patterns[np.argmax(x @ self.patterns.T, axis=-1)]


class Mirror(Memory):
    """It says the opposite of what it hears."""

    def __init__(self, patterns):
        self.n, self.patterns = patterns.shape[1], patterns

    def field(self, x):
        return -x


def test_a_perfect_memory(rng):
    X = signs(rng, 6, 60)
    t = trial(Nearest(X), noise=(0, 0.2), draws=4, rng=1)
    assert t.exact.tolist() == [1, 1] and t.wrong.tolist() == [0, 0] == t.error_99.tolist()
    assert t.fixed.tolist() == [1, 1] and (t.cycles + t.unsettled == 0).all()
    assert t.ends.tolist() == [6, 6] and not t.collapsed.any()
    np.testing.assert_allclose(t.largest, 1 / 6)
    assert t.steps.tolist() == [0, 1] and t.most_steps.tolist() == [0, 1]
    assert t.shown[0] == 0 and t.shown[1] == pytest.approx(0.2, abs=0.05)
    assert t.memories == 6 and t.draws == 4 and t.kind == "flips" and t.update == "synchronous"


def test_one_answer_for_all_is_a_collapse_and_is_named(rng):
    X = signs(rng, 5, 30)
    t = trial(Constant(X), noise=(0.1,), draws=2, rng=1)
    assert t.collapsed.all() and t.ends.tolist() == [1] and t.largest.tolist() == [1]
    assert t.exact[0] == pytest.approx(1 / 5)
    assert t.wrong[0] == pytest.approx((X[0] != X).mean())
    assert t.error_99[0] == 2
    assert "collapsed at noise 0.1: 100% of all starts end in one state; 1 different" in str(t)
    assert "*" in table_of({"constant": t}) and "* collapsed" in table_of({"constant": t})


@pytest.mark.parametrize("p, collapsed", [(1, False), (2, True), (3, True)])
def test_one_memory_alone_cannot_collapse(p, collapsed, rng):
    X = signs(rng, p, 20)
    assert trial(Constant(X), noise=0, rng=1).collapsed.tolist() == [collapsed]
    assert not trial(Nearest(X), noise=0.1, rng=1).collapsed.any()


def test_the_same_pattern_twice_is_one_memory(rng):
    X = signs(rng, 2, 20)
    assert not trial(Nearest(X[[0, 0, 0, 1]]), noise=0, rng=1).collapsed.any()


def test_hebb_collapses_on_patterns_that_are_alike(rng):
    alike = np.where(rng.random((8, 100)) < 0.1, -1.0, 1.0)
    t = trial(Hebb().store(alike), noise=0.05, rng=1)
    assert t.collapsed.all() and t.ends[0] == 1 and t.exact[0] == 0


def test_what_does_not_settle_is_told_apart(rng):
    X = signs(rng, 3, 11)
    t = trial(Mirror(X), noise=0, draws=1)
    assert t.cycles.tolist() == [1] and t.fixed.tolist() == [0] == t.unsettled.tolist()
    t = trial(Mirror(X), noise=0, draws=1, update=Asynchronous(), max_steps=3)
    assert t.unsettled.tolist() == [1] and t.most_steps.tolist() == [3]


def test_the_quantile_is_the_seeds(rng):
    """0 while fewer than 1 % of bits are wrong, else 2."""
    X = signs(rng, 1, 1000)
    for count, expected in ((9, 0), (11, 2)):
        other = X.copy()
        other[0, :count] *= -1
        memory = Constant(other)
        t = trial(memory, X, noise=0, draws=1)
        assert t.error_99[0] == expected and t.wrong[0] == count / 1000


def test_update_and_steps_are_those_of_the_network(rng):
    net = HopfieldNetwork(Hebb(), "asynchronous", max_steps=7).store(signs(rng, 3, 40))
    assert trial(net, noise=0).update == "asynchronous"
    assert trial(net, noise=0, update="continuous").update == "continuous"
    assert trial(net.memory, noise=0).update == "synchronous"
    few = trial(net, noise=0.4, update="synchronous", max_steps=1, rng=2)
    assert few.most_steps[0] == 1 and few.unsettled[0] > 0


def test_a_seed_repeats_and_the_draws_do_not_depend_on_the_other_levels(rng):
    memory = Hebb().store(signs(rng, 8, 40))
    a = trial(memory, noise=(0, 0.1, 0.3), update="asynchronous", rng=5)
    b = trial(memory, noise=(0, 0.1, 0.3), update="asynchronous", rng=np.random.default_rng(5))
    c = trial(memory, noise=0.3, update="asynchronous", rng=5)
    d = trial(memory, noise=0.3, update="asynchronous", rng=6)
    assert str(a) == str(b) and a.wrong[2] == c.wrong[0] != d.wrong[0]
    assert (np.diff(a.shown) > 0).all() and a.shown[2] == decoded(memory.patterns, 0.3, rng=5).shown


@pytest.mark.parametrize("best", ["bits", "patterns"])
@pytest.mark.parametrize("rate", [0.1, 0.3, 0.4])
def test_no_network_beats_the_decoder(best, rate):
    rng = np.random.default_rng(2)
    X = signs(rng, 8, 30)
    top = decoded(X, rate, draws=200, rng=3, best=best)
    for memory in (Hebb(), PseudoInverse(zero_diagonal=True), Softmax(1.0, "signs")):
        t = trial(memory.store(X), noise=rate, draws=200, rng=3)
        assert t.shown == top.shown
        if best == "bits":
            assert top.wrong <= t.wrong + 0.003
        else:
            assert top.exact >= t.exact - 0.01
    others = decoded(X, rate, draws=200, rng=3, best={"bits": "patterns", "patterns": "bits"}[best])
    if best == "bits":
        assert top.wrong < others.wrong or rate < 0.3
    else:
        assert top.exact >= others.exact


def test_the_decoder_of_one_pattern_and_its_negative_is_the_majority():
    """Half of the bits or more flipped: a binomial tail; else nothing is wrong."""
    X = np.ones((2, 5)) * [[1.0], [-1.0]]
    q = 0.3
    fails = sum(
        c * q**k * (1 - q) ** (5 - k) for k, c in enumerate((1, 5, 10, 10, 5, 1)) if k > 2.5
    )
    t = decoded(X, q, draws=20_000, rng=1)
    np.testing.assert_allclose([t.wrong[0], 1 - t.exact[0]], fails, atol=0.005)


@pytest.mark.parametrize("kind, levels", [("flips", (0.2, 0.35, 0.5, 0.8)), ("gaussian", (0.7, 2))])
def test_the_decoder_is_bayes(kind, levels):
    """Likelihoods multiplied unit by unit, of starts drawn by hand from the same seed."""
    X, draws = signs(np.random.default_rng(5), 9, 8), 300
    for q in levels:
        rng = np.random.default_rng(int(np.random.default_rng(1).integers(2**63)))
        right = np.tile(X, (draws, 1))
        if kind == "flips":
            x = np.where(rng.random(right.shape) < q, -right, right)
            likely = np.prod(np.where(x[:, None, :] == X, 1 - q, q), axis=-1)
        else:
            x = right + q * rng.standard_normal(right.shape)
            likely = np.prod(np.exp(-0.5 * ((x[:, None, :] - X) / q) ** 2), axis=-1)
        mean = np.round((likely @ X) / likely.sum(axis=1, keepdims=True), 12)
        best = np.where(mean == 0, np.sign(x), np.sign(mean))
        top = decoded(X, q, draws, kind, rng=1)
        assert top.wrong[0] == (best != right).mean()
        assert top.exact[0] == (best == right).all(axis=1).mean()
        most = X[np.round(likely, 12).argmax(axis=1)]
        row = decoded(X, q, draws, kind, rng=1, best="patterns")
        if kind == "gaussian":  # no two are as likely
            assert row.exact[0] == (most == right).all(axis=1).mean()
    sure = (0, 1.0) if kind == "flips" else 0
    assert (decoded(X, sure, draws, kind, rng=1).wrong == 0).all()


def test_one_step_of_the_softmax_memory_is_the_decoder(rng):
    X = signs(rng, 7, 12)
    step = trial(decoder(X, 0.3), noise=0.3, draws=200, rng=1, max_steps=1)
    top = decoded(X, 0.3, draws=200, rng=1)
    assert step.wrong == top.wrong and step.exact == top.exact


def test_a_decoder_of_gaussian_noise_and_of_numbers(rng):
    X = signs(rng, 6, 12)
    t = decoded(X, (0, 2.0), draws=100, kind="gaussian", rng=1)
    h = trial(PseudoInverse().store(X), noise=(0, 2.0), draws=100, kind="gaussian", rng=1)
    assert t.wrong[0] == 0 and 0 < t.wrong[1] < h.wrong[1] and t.shown[1] == h.shown[1]
    numbers = decoded(rng.normal(size=(4, 9)), 0.0, kind="gaussian", coding="real", rng=1)
    assert numbers.exact.tolist() == [1] and np.isnan(numbers.fixed).all()


def test_a_memory_of_numbers_is_read_in_bits_where_patterns_are_bits(rng):
    X = signs(rng, 5, 40)
    t = trial(Softmax(1.0).store(X), noise=(0, 0.1), rng=1)
    assert t.exact.tolist() == [1, 1] and t.wrong.tolist() == [0, 0] and t.ends.tolist() == [5, 5]
    grey = rng.normal(size=(5, 40))
    memory = Softmax(1.0).store(6 * grey / np.linalg.norm(grey, axis=1, keepdims=True))
    t = trial(memory, noise=(0, 0.1), kind="gaussian", rng=1)
    assert t.exact.tolist() == [1, 1] and t.ends.tolist() == [5, 5]
    with pytest.raises(ValueError, match="more than two values: take kind='gaussian'"):
        trial(memory, noise=0.1)


def test_bits_and_signs_come_to_the_same(rng):
    X = signs(rng, 6, 64)
    a = trial(Hebb().store(X), noise=(0.1, 0.3), rng=4)
    b = trial(Hebb(coding="bits").store((1 + X) / 2), noise=(0.1, 0.3), rng=4)
    for name in ("shown", "wrong", "exact", "steps", "fixed", "cycles", "ends", "largest"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert (b.error_99 == a.error_99 / 2).all()
    assert decoded((1 + X) / 2, 0.3, rng=4, coding="bits").wrong == decoded(X, 0.3, rng=4).wrong


def test_patterns_that_were_not_stored(rng):
    X, new = signs(rng, 4, 40), signs(rng, 9, 40)
    kept = held_out(Couplings(np.eye(40)), new)  # every state is fixed
    assert kept.stayed == 1 == kept.fixed and kept.stored == 0 == kept.other == kept.wrong
    drawn = held_out(Nearest(X), new, noise=(0, 0.02), draws=3, rng=1)
    assert drawn.stored.tolist() == [1, 1] and (drawn.stayed + drawn.other == 0).all()
    assert drawn.nearest[0] == 1 and drawn.patterns == 9
    near = X[np.argmax(new @ X.T, axis=1)]
    assert drawn.wrong[0] == (near != new).mean()
    lost = held_out(Mirror(X), new, draws=2)
    assert lost.other == 1 and lost.fixed == 0
    mixed = held_out(PseudoInverse(zero_diagonal=True).store(X), new)
    np.testing.assert_allclose(mixed.stayed + mixed.stored + mixed.other, 1)
    assert "9 patterns that were not stored" in str(mixed)
    with pytest.raises(ValueError, match="number 1 is stored in"):
        held_out(Nearest(X), [new[0], X[2]])


def test_the_tables(rng):
    X = signs(rng, 3, 20)
    a, b = trial(Nearest(X), noise=(0, 0.1), rng=1), trial(Mirror(X), noise=(0, 0.1), rng=1)
    lines = str(a).splitlines()
    assert lines[0] == "Nearest: 3 memories, 5 draws of flips, synchronous"
    assert lines[1].split()[:5] == ["noise", "shown", "wrong", "exact", "q99"]
    assert lines[3].split()[:4] == ["0", "0.00%", "0.00%", "100.0%"]
    both = table_of({"the nearest": a, "its mirror": b, "best": decoded(X, (0, 0.1), rng=1)})
    assert both.splitlines()[1].split() == ["memory", "0", "0.1"]
    assert both.splitlines()[3].split() == ["the", "nearest", "0.00/100", "0.00/100"]
    assert len(both.splitlines()) == 6 and "*" not in both
    with pytest.raises(ValueError, match=r"other: flips of \[0.2\], expected flips of"):
        table_of({"one": a, "other": trial(Nearest(X), noise=0.2)})
    with pytest.raises(ValueError, match="no trials"):
        table_of({})


@given(st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 5), st.floats(0, 1))
@settings(max_examples=25, deadline=None)
def test_shares_are_shares(seed, p, draws, rate):
    rng = np.random.default_rng(seed)
    memory = Hebb().store(signs(rng, p, 7))
    t = trial(memory, noise=(0, rate), draws=draws, rng=seed)
    np.testing.assert_allclose(t.fixed + t.cycles + t.unsettled, 1)
    for values in (t.exact, t.wrong, t.shown, t.largest):
        assert ((values >= 0) & (values <= 1)).all()
    assert (t.ends >= 1).all() and (t.ends <= p * draws).all()
    assert (t.largest * t.ends >= 1 - 1e-9).all()  # the largest is no smaller than the mean


def test_equal_states_have_one_number(rng):
    read, real = codings.coding("signs"), codings.coding("real")
    x = signs(rng, 4, 11)[[0, 1, 0, 3, 1, 1]]
    for coding in (read, real):
        assert grouped(coding, x).tolist() == [0, 1, 0, 2, 1, 1]
    assert grouped(real, x * (1 + 1e-5 * rng.random((6, 1)))).tolist() == [0, 1, 0, 2, 1, 1]
    assert grouped(BITS, np.eye(3)[[2, 2, 0]]).tolist() == [0, 0, 1]


def test_every_backend_says_the_same(spec, rng):
    X = signs(rng, 5, 24)
    for make in (lambda: Hebb().store(X), lambda: Softmax(0.5).store(X)):
        here, there = make(), make().to(spec)
        kind = "flips" if isinstance(here, Hebb) else "gaussian"
        a = trial(here, noise=(0, 0.2), draws=2, kind=kind, rng=3)
        b = trial(there, noise=(0, 0.2), draws=2, kind=kind, rng=3)
        np.testing.assert_allclose(a.wrong, b.wrong)
        assert a.ends.tolist() == b.ends.tolist()
    here, there = Hebb().store(X), Hebb().store(X).to(spec)
    new = signs(rng, 4, 24)
    assert str(held_out(here, new)) == str(held_out(there, new.tolist()))
    top = decoded(backend.move(X, backend.place(spec)), 0.3, rng=1)
    assert top.wrong == decoded(X, 0.3, rng=1).wrong


def test_bad_requests_are_refused(rng):
    memory = Hebb().store(signs(rng, 2, 10))
    for bad, message in (
        ({"noise": 1.5}, "a rate of flips from 0 to 1"),
        ({"noise": -0.1, "kind": "gaussian"}, "a deviation from 0 on"),
        ({"noise": ()}, "or a list of them"),
        ({"kind": "salt"}, "expected one of flips, gaussian, came 'salt'"),
        ({"draws": 0}, "draws must be a whole number"),
        ({"max_steps": 0}, "max_steps must be"),
        ({"update": "later"}, "unknown update"),
    ):
        with pytest.raises(ValueError, match=message):
            trial(memory, **bad)
    with pytest.raises(ValueError, match="nothing is stored yet"):
        trial(Hebb())
    with pytest.raises(ValueError, match="knows of no stored patterns"):
        trial(Couplings(np.eye(3)))
    with pytest.raises(ShapeError, match="has 9 units, expected 10"):
        trial(memory, np.ones((2, 9)))
    with pytest.raises(TypeError, match="HopfieldNetwork or a Memory, came a ndarray"):
        trial(np.ones((2, 9)))
    with pytest.raises(ValueError, match="best: expected one of bits, patterns"):
        decoded(np.ones((2, 9)), best="all")
