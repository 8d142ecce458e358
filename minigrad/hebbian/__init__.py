"""Hebbian learning: layers that learn from what they see by rules that each weight can follow.

`layer(x)` answers, `layer.learn(x)` learns. Runs on every backend; the fast paths are for numpy.
"""

from minigrad.hebbian.codes import Codes, encode, k_winners, soft_threshold, unit_rows
from minigrad.hebbian.competitive import Competitive, WinnerTakeAll
from minigrad.hebbian.diagnostics import (
    Controls,
    Diagnosis,
    controls,
    diagnose,
    effective_inputs,
    invariance,
)
from minigrad.hebbian.invariant import InvariantLayer
from minigrad.hebbian.krotov import KrotovHopfield
from minigrad.hebbian.local import LocalLayer
from minigrad.hebbian.oja import Oja, Sanger
from minigrad.hebbian.pooling import PooledPatches
from minigrad.hebbian.readouts import BayesVote, MajorityVote, Ridge, softmax_readout
from minigrad.hebbian.runs import Run
from minigrad.hebbian.sparse import SparseLayer
from minigrad.hebbian.torus import Torus, TorusLayer
from minigrad.hebbian.world import Camera, Tapestry, centred, patches

__all__ = [
    "BayesVote",
    "Camera",
    "Codes",
    "Competitive",
    "Controls",
    "Diagnosis",
    "InvariantLayer",
    "KrotovHopfield",
    "LocalLayer",
    "MajorityVote",
    "Oja",
    "PooledPatches",
    "Ridge",
    "Run",
    "Sanger",
    "SparseLayer",
    "Tapestry",
    "Torus",
    "TorusLayer",
    "WinnerTakeAll",
    "centred",
    "controls",
    "diagnose",
    "effective_inputs",
    "encode",
    "invariance",
    "k_winners",
    "patches",
    "soft_threshold",
    "softmax_readout",
    "unit_rows",
]
