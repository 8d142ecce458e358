"""Hopfield networks: memories that are written or learned, and recalls that say what they found.

`HopfieldNetwork(memory)` stores or learns patterns, and recalls them by any update; each `Recall`
is a certificate. Runs on every backend.
"""

from minigrad.hopfield.automaton import CellularAutomaton
from minigrad.hopfield.basins import Basins, basins
from minigrad.hopfield.capacity import (
    CapacityCurve,
    Retrieval,
    capacity_curve,
    critical_load,
    crosstalk_error,
    exponential_capacity,
    first_step_error,
    knee,
    polynomial_error,
    polynomial_load,
    projection_error,
    retrieval_overlap,
)
from minigrad.hopfield.census import Census, census
from minigrad.hopfield.certificates import Recall
from minigrad.hopfield.codings import Coding
from minigrad.hopfield.couplings import Couplings, recoded
from minigrad.hopfield.denoising import Denoising
from minigrad.hopfield.dense import Dense
from minigrad.hopfield.hebbian_rbm import HebbianRBM
from minigrad.hopfield.memories import Memory
from minigrad.hopfield.network import HopfieldNetwork
from minigrad.hopfield.noise import flips, gaussian
from minigrad.hopfield.polynomial import Polynomial
from minigrad.hopfield.pruning import pruned
from minigrad.hopfield.rbm import RBM
from minigrad.hopfield.softmax import Softmax, decoder
from minigrad.hopfield.trials import HeldOut, Trials, decoded, held_out, table_of, trial
from minigrad.hopfield.updates import Asynchronous, Continuous, Stochastic, Synchronous, Update
from minigrad.hopfield.written import Hebb, PseudoInverse, Storkey

__all__ = [
    "RBM",
    "Asynchronous",
    "Basins",
    "CapacityCurve",
    "CellularAutomaton",
    "Census",
    "Coding",
    "Continuous",
    "Couplings",
    "Denoising",
    "Dense",
    "Hebb",
    "HebbianRBM",
    "HeldOut",
    "HopfieldNetwork",
    "Memory",
    "Polynomial",
    "PseudoInverse",
    "Recall",
    "Retrieval",
    "Softmax",
    "Stochastic",
    "Storkey",
    "Synchronous",
    "Trials",
    "Update",
    "basins",
    "capacity_curve",
    "census",
    "critical_load",
    "crosstalk_error",
    "decoded",
    "decoder",
    "exponential_capacity",
    "first_step_error",
    "flips",
    "gaussian",
    "held_out",
    "knee",
    "polynomial_error",
    "polynomial_load",
    "projection_error",
    "pruned",
    "recoded",
    "retrieval_overlap",
    "table_of",
    "trial",
]
