"""Pictures of networks: each function draws on `ax` (None: a new figure) and returns it."""

from minigrad.plots.bench import loss_heat, loss_surface, losses, weights
from minigrad.plots.flows import (
    animation,
    distances,
    lyapunov_convergence,
    phase_portrait,
    principal_plane,
)
from minigrad.plots.hebbian import (
    camera_frames,
    camera_path,
    invariance_curves,
    neighbour_similarity,
    torus_features,
    weight_tapestry,
)
from minigrad.plots.images import confusion, image_grid, receptive_fields
from minigrad.plots.information import known_answers
from minigrad.plots.learning import learning_curve
from minigrad.plots.plane import feature_maps, information_curves, information_plane
from minigrad.plots.recall import (
    capacity,
    energy_descent,
    overlaps,
    recall_curves,
    recall_rows,
)

__all__ = [
    "animation",
    "camera_frames",
    "camera_path",
    "capacity",
    "confusion",
    "distances",
    "energy_descent",
    "feature_maps",
    "image_grid",
    "information_curves",
    "information_plane",
    "invariance_curves",
    "known_answers",
    "learning_curve",
    "loss_heat",
    "loss_surface",
    "losses",
    "lyapunov_convergence",
    "neighbour_similarity",
    "overlaps",
    "phase_portrait",
    "principal_plane",
    "recall_curves",
    "recall_rows",
    "receptive_fields",
    "torus_features",
    "weight_tapestry",
    "weights",
]
