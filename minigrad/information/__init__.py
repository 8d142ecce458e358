"""Information: what samples tell of each other, with the caveats of every estimate.

`plug_in` and `entropy` count; `kraskov`, `mixed`, `ross` and `kozachenko_leonenko` look at nearest
neighbours; `gaussian` at correlations; `pairwise_bounds` at a layer with a stated noise. All take
samples as rows, (samples, width) or (samples,), change none of them, and return an `Estimate` in
nats. They run on every backend; the k-d tree, the usual way to neighbours, is on the host.
"""

from minigrad.information.binning import Bins
from minigrad.information.dimension import participation_ratio, singular_value_ratio
from minigrad.information.estimates import Estimate, Null
from minigrad.information.gaussian import gaussian
from minigrad.information.kraskov import kozachenko_leonenko, kraskov, mixed, ross
from minigrad.information.noisy import Bounds, pairwise_bounds
from minigrad.information.plugin import entropy, plug_in

__all__ = [
    "Bins",
    "Bounds",
    "Estimate",
    "Null",
    "entropy",
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
