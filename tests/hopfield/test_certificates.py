"""What became of a recall: hand-made cases of every end and every kind, and energies that lie."""

import numpy as np
import pytest

from minigrad import backend
from minigrad.hopfield import Asynchronous, Couplings, Dense, Hebb, HopfieldNetwork, Memory

REPEL = [[0.0, -1.0], [-1.0, 0.0]]
TURN = [[0.0, -1.0], [1.0, 0.0]]  # (1, 1) -> (-1, 1) -> (-1, -1) -> (1, -1): a cycle of four


def walsh(k):
    """Rows of 64 signs, each orthogonal to the others."""
    H = np.array([[1.0]])
    for _ in range(6):
        H = np.block([[H, H], [H, -H]])
    return H[1 : k + 1]


def one(memory, x, *args, **kwargs):
    recall = HopfieldNetwork(memory).recall([x], *args, **kwargs)
    return recall.ended[0], recall.kind[0], int(recall.steps[0]), recall


# --- where it ended -------------------------------------------------------------------------------


def test_a_fixed_point_at_the_start_takes_no_step():
    ended, _, steps, recall = one(Couplings(REPEL), [1, -1])
    assert (ended, steps) == ("fixed point", 0)
    assert recall.energy.shape == (1, 1) and recall.energy[0, 0] == -1


def test_a_2_cycle_is_found_and_is_no_fixed_point():
    ended, kind, steps, recall = one(Couplings(REPEL), [1, 1], keep=True)
    assert (ended, kind, steps) == ("2-cycle", "", 1)
    assert recall.path.tolist() == [[[1, 1]], [[-1, -1]]]
    assert recall.rises == 0 and recall.energy[:, 0].tolist() == [1, 1]


@pytest.mark.parametrize("max_steps", [1, 2, 3, 4, 5, 100])
def test_the_end_does_not_depend_on_when_the_time_is_over(max_steps):
    """A last step that led to rest, or closed a cycle, counts as it would have with more time."""
    net = HopfieldNetwork(Couplings(REPEL), max_steps=max_steps)
    recall = net.recall([[1, 1], [1, -1], [-1, -1]])
    assert recall.ended.tolist() == ["2-cycle", "fixed point", "2-cycle"]
    assert recall.steps.tolist() == [1, 0, 1]
    chain = Couplings(np.diag([2.0, 0, 0, 0]) + np.diag([1.0, 1, 1], -1))
    three = HopfieldNetwork(chain, max_steps=max_steps).recall([[1, -1, -1, -1]])
    assert three.ended[0] == ("fixed point" if max_steps >= 3 else "not settled")
    assert three.steps[0] == min(max_steps, 3)


def test_what_goes_round_in_four_is_not_settled():
    ended, kind, steps, recall = one(Couplings(TURN), [1, 1], max_steps=10)
    assert (ended, kind, steps) == ("not settled", "", 10)
    assert recall.promise == "" and recall.rises == 0
    assert recall.end.tolist() == recall.state.tolist() == [[-1, -1]]  # 10 = 2 modulo 4


def test_couplings_that_are_not_symmetric_recall_without_a_promise():
    for update in ("synchronous", "asynchronous", "continuous"):
        recall = HopfieldNetwork(Couplings(TURN)).recall([[1.0, 1.0]], update, rng=1, max_steps=5)
        assert recall.promise == "" and recall.rises == 0
        assert "theory promises nothing here" in str(recall)


def test_one_that_goes_on_does_not_keep_the_others():
    W = np.zeros((4, 4))
    W[:2, :2], W[2:, 2:] = REPEL, TURN
    recall = HopfieldNetwork(Couplings(W), max_steps=7).recall([[1, -1, 1, 1], [1, 1, 1, -1]])
    assert recall.ended.tolist() == ["not settled"] * 2
    W[2:, 2:] = np.eye(2)
    recall = HopfieldNetwork(Couplings(W)).recall([[1, -1, 1, 1], [1, 1, 1, -1]])
    assert recall.ended.tolist() == ["fixed point", "2-cycle"]
    np.testing.assert_array_equal(recall.end, [[1, -1, 1, 1], [-1, -1, 1, -1]])


# --- what it is -----------------------------------------------------------------------------------


def test_stored_negative_mixture_and_spurious():
    """Of orthogonal patterns sign(a + b + c) rests as well, and so do signs of differences."""
    p = walsh(3)
    mixture = np.sign(p.sum(axis=0))
    minus = np.sign(p[0] - p[1] - p[2])
    net = HopfieldNetwork(Hebb()).store(p)
    recall = net.recall(np.stack([p[1], -p[2], mixture, -mixture, minus]))
    assert recall.kind.tolist() == ["stored", "negative", "mixture", "mixture", "mixture"]
    assert recall.nearest.tolist()[:2] == [1, 0] and (recall.steps == 0).all()
    np.testing.assert_allclose(recall.overlap, [1, 0, 0.5, -0.5, 0.5], atol=1e-12)
    assert recall.exact.tolist() == [True, False, False, False, False]


def test_a_mixture_of_five():
    p = walsh(7)[[0, 1, 3, 4, 6]]
    frozen = Couplings(np.eye(64))  # every state rests
    frozen.patterns = p
    five = np.sign(p.sum(axis=0))
    strange = np.sign(np.random.default_rng(1).normal(size=64))
    recall = HopfieldNetwork(frozen).recall([five, strange, -p[4]])
    assert recall.kind.tolist() == ["mixture", "spurious", "negative"]


def test_bits_are_compared_as_signs():
    v = (1 + walsh(3)) / 2
    net = HopfieldNetwork(Hebb(coding="bits")).store(v)
    mixture = np.sign(walsh(3).sum(axis=0))
    recall = net.recall(np.stack([v[0], 1 - v[1], (1 + mixture) / 2]))
    assert recall.kind.tolist() == ["stored", "negative", "mixture"]
    np.testing.assert_allclose(recall.overlap, [1, 0, 0.5], atol=1e-12)


def test_numbers_are_a_pattern_when_they_are_near_to_it():
    still = Couplings(np.eye(3), coding="real")
    still.patterns = np.array([[1.0, 2, 3], [2.0, -1, 0]])
    starts = [[1, 2, 3.001], [3, 1, 3], [1, 2, 3.1], [-1, -2, -3], [0, 0, 0]]
    recall = HopfieldNetwork(still).recall(starts)
    kinds = ["stored", "mixture", "spurious", "negative", "spurious"]
    assert recall.kind.tolist() == kinds
    assert recall.nearest.tolist()[:3] == [0, 0, 0] and recall.overlap[4] == 0
    assert recall.overlap[3] == pytest.approx(np.array([-1, 0]).max())


def test_nothing_stored_to_compare_with():
    _, kind, _, recall = one(Couplings(REPEL), [1, -1])
    assert kind == "nothing stored to compare with"
    assert recall.nearest[0] == -1 and np.isnan(recall.overlap[0]) and not recall.exact[0]


def test_the_overlap_is_looked_at_after_snapping():
    p = walsh(2)
    net = HopfieldNetwork(Hebb()).store(p)
    recall = net.recall(0.7 * p, "continuous")
    np.testing.assert_array_equal(recall.state, p)
    assert (recall.end != p).all() and recall.exact.all() and (recall.overlap == 1).all()


def test_the_state_that_is_certified_is_one_that_rests():
    """All fields are 0 there: the state is no sign, and its nearest one is not at rest."""
    p = walsh(1)
    recall = HopfieldNetwork(Hebb()).store(p).recall(np.zeros((1, 64)))
    assert recall.kind[0] != "stored"
    if recall.ended[0] == "fixed point":
        np.testing.assert_array_equal(Hebb().store(p)(recall.state), recall.state)


# --- how the energy went --------------------------------------------------------------------------


class Liar(Couplings):
    """Promises everything, whatever its couplings are."""

    def promise(self, update):
        return "because I say so"


class Climber(Memory):
    """Has an energy that each step raises by 1, and says that it cannot rise."""

    def __init__(self):
        self.n, self.count = 3, 0

    def field(self, x):
        return -x

    def energy(self, x, h=None):
        self.count += 1
        return 0 * x[..., 0] + self.count

    def promise(self, update):
        return "it falls"


def test_a_rise_of_what_is_promised_is_counted():
    rng = np.random.default_rng(1)
    lying, x = Liar(rng.normal(size=(6, 6))), np.sign(rng.normal(size=(20, 6)))
    recall = HopfieldNetwork(lying, max_steps=4).recall(x, "asynchronous", rng=1)
    assert recall.rises > 0 and f"rose {recall.rises} times; promised never to" in str(recall)
    climbing = HopfieldNetwork(Climber(), max_steps=6).recall(np.ones((5, 3)), Asynchronous(0.5))
    assert climbing.rises == 5 * 6 and climbing.energy.shape == (7, 5)


def test_the_first_step_from_outside_the_coding_is_no_rise():
    """x = (3, -3) has the energy -9, its sign -1."""
    recall = HopfieldNetwork(Couplings([[0.0, -1], [-1, 0]])).recall([[3.0, -3.0]], "asynchronous")
    assert recall.energy[:, 0].tolist() == [-9, -1] and recall.rises == 0
    lying = HopfieldNetwork(Climber(), max_steps=6).recall(0.5 * np.ones((5, 3)), Asynchronous(0.5))
    assert lying.rises == 5 * 6  # from inside the range every step counts


def test_rounding_is_no_rise():
    rng, rises = np.random.default_rng(3), 0
    for scale in (1e-8, 1.0, 1e8):
        W = scale * rng.normal(size=(70, 70))
        memory = Couplings(W + W.T - 2 * np.diag(np.diag(W)), scale * rng.normal(size=70))
        usual = HopfieldNetwork(memory)
        for dtype in ("float64", "float32"):
            net = usual.to(dtype=dtype)
            x = np.sign(rng.normal(size=(20, 70))).astype(dtype)
            for update in ("asynchronous", "synchronous"):
                rises += net.recall(x, update, rng=1).rises
    assert rises == 0


def test_a_memory_without_an_energy_is_promised_nothing():
    class Still(Memory):
        def __init__(self):
            self.n = 2

        def field(self, x):
            return x

    recall = HopfieldNetwork(Still()).recall([[1, -1]])
    assert recall.energy is None and recall.promise == "" and recall.rises == 0
    with pytest.raises(ValueError, match="has no energy"):
        HopfieldNetwork(Still()).energy([[1, -1]])


def test_the_energies_of_a_row_stay_once_it_rests():
    W = np.diag([1.0, 1, 1], -1) + np.diag([1.0, 1, 1], 1)
    net = HopfieldNetwork(Couplings(W, [3, 0, 0, 0]))
    recall = net.recall([[1, 1, 1, 1], [-1, -1, -1, -1], [-1, 1, 1, 1]], keep=True)
    for row in range(3):
        last = int(recall.steps[row])
        assert (recall.energy[last:, row] == recall.energy[last, row]).all()
        assert (recall.path[last:, row] == recall.end[row]).all()
        np.testing.assert_allclose(recall.energy[:, row], net.energy(recall.path[:, row]))


# --- shapes and text ------------------------------------------------------------------------------


@pytest.mark.parametrize("lead", [(), (1,), (5,), (2, 3), (2, 1, 3)], ids=str)
def test_the_certificate_has_the_shape_of_the_batch(lead):
    net = HopfieldNetwork(Hebb()).store(walsh(3))
    x = np.sign(np.random.default_rng(1).normal(size=(*lead, 64)))
    for update in ("synchronous", "asynchronous", "continuous"):
        recall = net.recall(x, update, rng=1, keep=True)
        assert recall.state.shape == recall.end.shape == (*lead, 64)
        for name in ("steps", "ended", "nearest", "overlap", "exact", "kind"):
            assert np.shape(getattr(recall, name)) == lead, name
        assert recall.energy.shape == (recall.path.shape[0], *lead)
        assert recall.path.shape[1:] == (*lead, 64)
        np.testing.assert_array_equal(recall.path[-1], recall.end)
        rows = net.recall(x.reshape(-1, 64), update, rng=1)
        np.testing.assert_array_equal(recall.end.reshape(-1, 64), rows.end)
        np.testing.assert_array_equal(np.ravel(recall.kind), rows.kind)
        assert str(recall).startswith(f"{max(1, np.prod(lead, dtype=int))} recall")


def test_the_text_tells_all():
    p = walsh(3)
    net = HopfieldNetwork(Hebb()).store(p)
    lines = str(net.recall(np.stack([p[0], -p[1], np.sign(p.sum(axis=0))]))).splitlines()
    assert lines[0] == "3 recalls of 64 units, synchronous: 1 exact; 3 at a fixed point"
    assert lines[1] == "steps 0 to 0, median 0"
    assert lines[2] == "fixed points: 1 stored, 1 negative, 1 mixture"
    assert lines[3].startswith("energy: rose 0 times; promised never to (")
    single = HopfieldNetwork(Couplings(REPEL)).recall([1, 1])
    assert (
        str(single).splitlines()[0] == "1 recall of 2 units, synchronous: 0 exact; 1 in a 2-cycle"
    )


def test_path_and_energies_are_on_the_host(place):
    net = HopfieldNetwork(Hebb()).store(walsh(2)).to(place.spec)
    recall = net.recall(backend.move(walsh(2), place), keep=True)
    assert backend.place_of(recall.state) == backend.place_of(recall.end) == place
    for name in ("path", "energy", "steps", "overlap", "pair_energy"):
        assert isinstance(getattr(recall, name), np.ndarray), name


def test_a_learned_memory_is_compared_with_what_it_was_taught():
    memory = Dense(4, rng=1)
    HopfieldNetwork(memory).learn([[1, 1, -1, -1], [1, -1, 1, -1]], 200, rng=1)
    assert memory.patterns.shape == (2, 4)
