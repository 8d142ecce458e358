"""The lab bench: a network, an ideal that it is to learn, and what happens while it does."""

from minigrad.bench.knobs import Knobs
from minigrad.bench.nnbench import LossCube, NNBench, Potential, Track

__all__ = ["Knobs", "LossCube", "NNBench", "Potential", "Track"]
