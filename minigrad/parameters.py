"""How parameters are kept: one flat vector, named views into it, and one owner.

A view that someone holds is live, or says that it is not: when a network lays its vector anew, the
old one is retired, which reads NaN from then on and, in numpy, refuses to be written to. (What was
sliced out of a view before reads NaN too, but takes what is written, and loses it.)
"""

import copy
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, Self

from minigrad import backend, initializers
from minigrad.backend import Array, Place, Random
from minigrad.errors import OwnershipError, ShapeError


class Parameters:
    """Named parameters in one vector theta (P,), their gradients in grad (P,); in a stack (K, P).

    `declare(M=(m, n), b=(m,))` makes M, b and their gradients dM, db: views, to which one assigns
    by copying. In a stack a view has the member's axis in front: (K, m, n), (K, 1, m).
    """

    theta: Array
    grad: Array
    xp: Any  # the namespace of theta
    place: Place
    shapes: dict[str, tuple[int, ...]]
    init: dict[str, Any]
    frozen: frozenset[str]
    _views: frozenset[str]
    _owner: "weakref.ref[Parameters] | None"
    _version: int

    def declare(
        self,
        rng: Random | Sequence[Random] = None,
        dtype: str | None = None,
        init: Mapping[str, Any] | None = None,
        **shapes: tuple[int, ...],
    ) -> None:
        """Make parameters of these names and shapes, started by `init` (see `randomize`)."""
        for name in shapes:
            if {name, "d" + name} & {*dir(self), *(shapes.keys() - {name})}:
                raise ValueError(
                    f"{type(self).__name__} cannot declare {name!r}: it has a {name!r} or a "
                    f"'d{name}' already"
                )
        if self._owner is not None and self._owner() is not None:
            raise OwnershipError(
                f"{self} stands in a network, where its place in theta is fixed: declare before "
                "it is added"
            )
        for name, shape in shapes.items():
            widths = shape if isinstance(shape, tuple) else ("no tuple",)
            if not all(hasattr(n, "__index__") and n > 0 for n in widths):
                raise TypeError(
                    f"the shape of {name} must be a tuple such as (3,) or (2, 3), not {shape!r}"
                )
        old, init = self.theta, {**self.init, **(init or {})}
        drawn = self._drawn(shapes, init, backend.generators(rng, ()))
        dtype = backend.float_name(dtype or old.dtype)
        count = sum(map(backend.size, (*self.shapes.values(), *shapes.values())))
        theta = self.xp.zeros((count,), dtype=getattr(self.xp, dtype), device=self.place.device)
        theta[: old.shape[-1]] = self.xp.astype(old, theta.dtype)
        self.shapes, self.init = {**self.shapes, **shapes}, init
        self._bind(theta, self.xp.zeros_like(theta))
        self._assign(drawn)

    def randomize(self, rng: Random | Sequence[Random] = None) -> Self:
        """Draw every parameter anew: as `init` says, else Glorot for matrices and 0 for vectors.

        `rng`: a numpy Generator, an int, or None for a fresh one; for a stack also one a member.
        """
        rngs = backend.generators(rng, self.theta.shape[:-1])
        self._assign(self._drawn(self.shapes, self.init, rngs))
        return self

    def parameters(self) -> dict[str, tuple[Array, Array]]:
        """Every parameter beside its gradient, by name: {"M": (M, dM), "b": (b, db)}."""
        return {name: (getattr(self, name), getattr(self, "d" + name)) for name in self.shapes}

    def zero_grad(self) -> None:
        """grad = 0: done by `learn` and `fit` before each backprop, by hand otherwise."""
        self.grad[...] = 0

    def freeze(self, *names: str) -> Self:
        """Take these parameters (all, if none is named) from the optimizers; see `unfreeze`."""
        self._set_frozen(self.frozen | self._own(names))
        return self

    def unfreeze(self, *names: str) -> Self:
        """Give these parameters (all, if none is named) back to the optimizers."""
        self._set_frozen(self.frozen - self._own(names))
        return self

    def trained(self) -> list[tuple[int, int]]:
        """The runs (start, stop) of theta that an optimizer moves: what is not frozen."""
        runs, stop = [], 0
        for name, shape in self.shapes.items():
            start, stop = stop, stop + backend.size(shape)
            if name not in self.frozen:
                runs.append((start, stop))
        return joined(runs)

    def to(self, spec: str | None = None, dtype: str | None = None) -> Self:
        """A copy at another place ("cupy", "torch:cuda:0"), of another float type ("float32")."""
        twin, place = copy.deepcopy(self), backend.place(spec) if spec else self.place
        dtype = backend.float_name(dtype or self.theta.dtype)
        twin._bind(backend.move(self.theta, place, dtype), backend.move(self.grad, place, dtype))
        twin._forget()
        return twin

    # --- underneath ---

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:  # here, so that no author calls super()
        self = super().__new__(cls)
        vars(self).update(shapes={}, init={}, frozen=frozenset(), _views=frozenset())
        vars(self).update(_owner=None, _version=0)
        empty = backend.asarray([])
        self._bind(empty, backend.copy(empty))
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._views:
            object.__setattr__(self, name, value)
        elif value is not vars(self)[name]:  # `self.dM += ...` assigns the view to itself
            view = vars(self)[name]
            value = backend.receive(value, view)
            if value.shape != view.shape:
                raise ShapeError(
                    f"{self}: {name} has shape {tuple(view.shape)}, came {tuple(value.shape)}"
                )
            view[...] = value

    def _bind(self, theta: Array, grad: Array) -> None:
        """Let theta, grad, and every name as a view, stand in these arrays; retire the old."""
        retired = [vars(self)[name] for name in self._views]
        lead = theta.shape[:-1]
        views, stop = {"theta": theta, "grad": grad}, 0
        for name, shape in self.shapes.items():
            start, stop = stop, stop + backend.size(shape)
            if lead:  # behind the members' axis at least two: (K, 1, m) meets (K, batch, m)
                shape = (*lead, *(1,) * (2 - len(shape)), *shape)
            for prefix, flat in (("", theta), ("d", grad)):
                views[prefix + name] = backend.view(flat[..., start:stop], shape)
        place = backend.place_of(theta)
        vars(self).update(views, _views=frozenset(views), place=place, xp=place.xp)
        for array in retired:
            backend.retire(array)
        self._changed()

    def _drawn(
        self, shapes: Mapping[str, Any], init: Mapping[str, Any], rngs: list[Any]
    ) -> dict[str, list[Any]]:
        """A start for each parameter, from each generator."""
        drawn = {}
        for name, shape in shapes.items():
            default = "glorot" if len(shape) > 1 else "zeros"
            start = initializers.initializer(init.get(name, default))
            drawn[name] = [start(rng, tuple(shape)) for rng in rngs]
            came = backend.host(drawn[name][0]).shape
            if came != tuple(shape):
                raise ShapeError(
                    f"{self}: the initializer of {name} made shape {came}, expected {shape}"
                )
        return drawn

    def _assign(self, drawn: Mapping[str, list[Any]]) -> None:
        for name, values in drawn.items():
            view = vars(self)[name]
            view[...] = self.xp.reshape(backend.receive(values, view), view.shape)

    def _own(self, names: tuple[str, ...]) -> frozenset[str]:
        unknown = set(names) - set(self.shapes)
        if unknown:
            raise ValueError(
                f"{self} has no parameter {sorted(unknown)}: it has {list(self.shapes)}"
            )
        return frozenset(names or self.shapes)

    def _set_frozen(self, names: frozenset[str]) -> None:
        self.frozen = names
        self._changed()

    def _changed(self) -> None:
        """Count a change of layout, here and in every network above: plans made before are void."""
        self._version += 1
        owner = self._owner() if self._owner else None
        if owner is not None:
            owner._changed()

    def _forget(self) -> None:
        """Lose what belongs to the arrays of before."""

    def __getstate__(self) -> dict[str, Any]:
        here = {"xp", "place", "_owner", "_views", "_version"}
        state = {k: v for k, v in vars(self).items() if k not in here | self._views}
        flat = backend.host(self.theta), backend.host(self.grad)
        return {**state, "_flat": flat, "_spec": self.place.spec}

    def __setstate__(self, state: dict[str, Any]) -> None:
        place = backend.place(state.pop("_spec"))
        theta, grad = (backend.move(flat, place) for flat in state.pop("_flat"))
        vars(self).update(state)
        self._bind(theta, grad)


def joined(runs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The runs (start, stop), ascending, with those that touch made one, the empty left out."""
    result: list[tuple[int, int]] = []
    for start, stop in runs:
        if result and result[-1][1] == start:
            result[-1] = (result[-1][0], stop)
        elif start < stop:
            result.append((start, stop))
    return result
