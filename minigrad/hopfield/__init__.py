"""Hopfield networks: memories that are written or learned, and recalls that say what they found.

`HopfieldNetwork(memory)` stores or learns patterns, and recalls them by any update; each `Recall`
is a certificate. Runs on every backend.
"""

from minigrad.hopfield.automaton import CellularAutomaton
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
from minigrad.hopfield.rbm import RBM
from minigrad.hopfield.softmax import Softmax, decoder
from minigrad.hopfield.updates import Asynchronous, Continuous, Stochastic, Synchronous, Update
from minigrad.hopfield.written import Hebb, PseudoInverse, Storkey

__all__ = [
    "RBM",
    "Asynchronous",
    "CellularAutomaton",
    "Coding",
    "Continuous",
    "Couplings",
    "Denoising",
    "Dense",
    "Hebb",
    "HebbianRBM",
    "HopfieldNetwork",
    "Memory",
    "Polynomial",
    "PseudoInverse",
    "Recall",
    "Softmax",
    "Stochastic",
    "Storkey",
    "Synchronous",
    "Update",
    "decoder",
    "flips",
    "gaussian",
    "recoded",
]
