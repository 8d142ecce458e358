"""Pictures of networks: each function draws on `ax` (None: a new figure) and returns it."""

from minigrad.plots.bench import loss_heat, loss_surface, losses, weights
from minigrad.plots.images import confusion, image_grid, receptive_fields
from minigrad.plots.learning import learning_curve

__all__ = [
    "confusion",
    "image_grid",
    "learning_curve",
    "loss_heat",
    "loss_surface",
    "losses",
    "receptive_fields",
    "weights",
]
