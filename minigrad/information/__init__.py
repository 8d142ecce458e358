"""Information: what samples tell of each other, with the caveats of every estimate.

`plug_in` and `entropy` count; `kraskov`, `mixed`, `ross` and `kozachenko_leonenko` look at nearest
neighbours; `gaussian` at correlations; `pairwise_bounds` at a layer with a stated noise. All take
samples as rows, (samples, width) or (samples,), change none of them, and return an `Estimate` in
nats. They run on every backend; the k-d tree, the usual way to neighbours, is on the host.
`examine` holds an estimator against laws whose information is known; `participation_ratio` is the
dimension of a representation; an `InformationPlane` watches a network while it learns.
"""

from minigrad.information.binning import Bins
from minigrad.information.dimension import participation_ratio, singular_value_ratio
from minigrad.information.estimates import Estimate, Null
from minigrad.information.gaussian import gaussian
from minigrad.information.known import Examination, examine
from minigrad.information.kraskov import kozachenko_leonenko, kraskov, mixed, ross
from minigrad.information.laws import LAWS, Law
from minigrad.information.noisy import Bounds, pairwise_bounds
from minigrad.information.plane import InformationPlane, Probe, by_bins, by_neighbours, by_pairs
from minigrad.information.plugin import entropy, plug_in

__all__ = [
    "LAWS",
    "Bins",
    "Bounds",
    "Estimate",
    "Examination",
    "InformationPlane",
    "Law",
    "Null",
    "Probe",
    "by_bins",
    "by_neighbours",
    "by_pairs",
    "entropy",
    "examine",
    "gaussian",
    "kozachenko_leonenko",
    "kraskov",
    "mixed",
    "pairwise_bounds",
    "participation_ratio",
    "plug_in",
    "ross",
    "singular_value_ratio",
]
