"""Pictures of networks: each function draws on `ax` (None: a new figure) and returns it."""

from minigrad.plots.images import confusion, image_grid, receptive_fields
from minigrad.plots.learning import learning_curve

__all__ = ["confusion", "image_grid", "learning_curve", "receptive_fields"]
