"""A network: layers in a row, which together are a layer again."""

import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from minigrad import backend
from minigrad.backend import Array, Random
from minigrad.errors import BackendError, OwnershipError, ShapeError
from minigrad.layers import Layer
from minigrad.parameters import joined
from minigrad.text import table

if TYPE_CHECKING:
    from minigrad.learning import History
    from minigrad.losses import Loss
    from minigrad.optimizers import Optimizer


class Network(Layer):
    """y = layer_k(... layer_1(x)); its theta and grad hold its layers' ones end to end.

    A network is a layer: networks nest. A layer has one owner; adding it to a second is refused.
    `alpha` is the learning rate of `learn`.
    """

    _layers: tuple[Layer, ...] = ()

    def __init__(self, *layers: Layer, alpha: float | Array = 0.1) -> None:
        self.alpha = alpha
        self.layers = layers

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, input first; assigning lays theta anew and keeps every value."""
        return self._layers

    @layers.setter
    def layers(self, layers: Iterable[Layer]) -> None:
        layers = tuple(layers)
        self._may_own(layers)
        left = [layer for layer in self._layers if not any(layer is kept for kept in layers)]
        for layer in left:
            layer._owner = None
            layer._bind(backend.copy(layer.theta), backend.copy(layer.grad))
        self._layers = layers
        for layer in layers:
            layer._owner = weakref.ref(self)
        self._root()._lay()

    @property
    def learning(self) -> bool:
        return any(layer.learning for layer in self._layers)

    @learning.setter
    def learning(self, on: bool) -> None:
        for layer in self._layers:
            layer.learning = on

    @property
    def smooth(self) -> bool:  # type: ignore[override]
        return all(layer.smooth for layer in self._layers)

    def extend(self, layer: Layer) -> Self:
        """Add a layer at the output end; returns the network."""
        self.layers = (*self.layers, layer)
        return self

    def forward(self, x: Array) -> Array:
        for position, layer in enumerate(self._layers, 1):
            try:
                x = layer(x)
            except Exception as error:
                raise self._located(error, position) from error.__cause__
        return x

    def backprop(self, dy: Array, to_input: bool = True) -> Array:
        """dE/dx of dE/dy; adds dE/dtheta to grad.

        Stops above a layer that has no backprop (a local rule), and, unless `to_input`, at the
        lowest layer that has something to train; what is returned when it stopped short is None.
        """
        lowest = 0 if to_input else self.lowest_trained()
        for position in range(len(self._layers), lowest, -1):
            layer = self._layers[position - 1]
            if not has_backprop(layer):
                return None
            try:
                if position - 1 == lowest and not to_input and isinstance(layer, Network):
                    return layer.learn_backprop(dy)
                dx = layer.backprop(dy)
                if dx is None and not isinstance(layer, Network):
                    raise TypeError(f"{layer}: backprop returned nothing; does it return dx?")
                dy = dx
            except Exception as error:
                raise self._located(error, position) from error.__cause__
            if dy is None and position > 1:
                return None
        return dy if lowest == 0 else None

    def learn_backprop(self, dy: Array) -> Array:
        """backprop as far as there is something to train, whether or not a subclass knows how."""
        kind: Any = type(self)
        if _knows_to_input(kind):
            return self.backprop(dy, to_input=False)
        return self.backprop(dy)

    def lowest_trained(self) -> int:
        """The number, from 0, of the lowest layer that has something to train."""
        return next(
            (i for i, layer in enumerate(self._layers) if layer.trained()), len(self._layers)
        )

    def declare(self, *args: Any, **shapes: Any) -> None:
        """Refused: a network has the parameters of its layers, and none of its own."""
        raise TypeError(f"{self}: a network declares nothing; give the parameters to a layer in it")

    def randomize(self, rng: Random | Sequence[Random] = None) -> Self:
        rngs = backend.generators(rng, self.theta.shape[:-1])
        kept = backend.copy(self.theta)
        try:
            for layer in self._layers:
                layer.randomize(rngs if self.theta.ndim > 1 else rngs[0])
        except BaseException:
            self.theta = kept
            raise
        return self

    def parameters(self) -> dict[str, tuple[Array, Array]]:
        """Every parameter beside its gradient, by place and name: {"1.M": (M, dM), ...}."""
        return {
            f"{i}.{name}": pair
            for i, layer in enumerate(self._layers, 1)
            for name, pair in layer.parameters().items()
        }

    def trained(self) -> list[tuple[int, int]]:
        runs, stop = [], 0
        for layer in self._layers:
            runs += [(stop + a, stop + b) for a, b in layer.trained()]
            stop += layer.theta.shape[-1]
        return joined(runs)

    def freeze(self, *names: str) -> Self:
        """Take all parameters from the optimizers, or those named by place, such as "1.M"."""
        return self._each("freeze", names)

    def unfreeze(self, *names: str) -> Self:
        """Give all parameters back to the optimizers, or those named by place, such as "1.M"."""
        return self._each("unfreeze", names)

    def remembered(self) -> dict[str, Any]:
        own = {name: vars(self)[name] for name in self._kept if name in vars(self)}
        layers = [layer.remembered() for layer in self._layers]
        return {**own, "_y_shape": self._y_shape, "layers": layers}

    def remember(self, memory: dict[str, Any]) -> None:
        vars(self).update({name: value for name, value in memory.items() if name != "layers"})
        for layer, part in zip(self._layers, memory["layers"], strict=True):
            layer.remember(part)

    def summary(self) -> str:
        """A table of the layers: place, kind, parameters, how many of them are trained."""
        rows = []
        for place, layer in enumerate((*self._layers, self), 1):
            trained = sum(stop - start for start, stop in layer.trained())
            name = ("", "all") if layer is self else (str(place), str(layer))
            rows.append((*name, f"{layer.theta.shape[-1]:,}", f"{trained:,}"))
        return table(("", "layer", "parameters", "trained"), rows, rule=False)

    # --- learning: see learning.py ---

    def learn(
        self, facts: Iterable[tuple[Any, Any]], loss: "str | Loss" = "half squared error"
    ) -> Any:
        """Online descent, one fact (x, expected) one step of rate `alpha`; the last fact's loss.

        A stack returns its K losses. Raises ValueError for no facts, NotFiniteError for data that
        is not finite, Diverged when the loss stops being finite; the last finite state is kept.
        """
        from minigrad import learning

        return learning.learn(self, facts, loss)

    def fit(
        self,
        x: Any,
        target: Any,
        epochs: int = 10,
        batch: int = 32,
        loss: "str | Loss" = "half squared error",
        optimizer: "Optimizer | None" = None,
        rng: Random = None,
        validation: tuple[Any, Any] | None = None,
        callbacks: Sequence[Callable[..., Any]] = (),
    ) -> "History":
        """Mini-batch descent: `epochs` times through x (N, n) and target (N, m), or labels (N,).

        Shuffled anew each epoch from `rng`. `validation` is a pair like (x, target), scored after
        each epoch; then every callback(net, history) is called, and one that returns True ends the
        run. Ctrl-C ends it too, with what was learned. Raises as `learn` does.
        """
        from minigrad import learning

        return learning.fit(
            self, x, target, epochs, batch, loss, optimizer, rng, validation, callbacks
        )

    def predict(self, x: Any, batch: int = 1000) -> Array:
        """y (N, m) of x (N, n), computed `batch` rows at a time."""
        from minigrad import scores

        return scores.predict(self, x, batch)

    def accuracy(self, x: Any, target: Any) -> Any:
        """Hits over samples, in [0, 1]: by the largest output for labels (N,) or one-hot rows
        (N, m); for one output by the nearer of the two codes, -1 and 1 or 0 and 1 (-1 and 1 for the
        logistic loss, whose outputs are logits). A stack returns K of them."""
        from minigrad import scores

        return scores.accuracy(self, x, target)

    def stack(self, count: int, rng: Random | Sequence[Random] = None) -> Self:
        """`count` networks of this one's shape as one, each drawn anew (see `stacks`)."""
        from minigrad import stacks

        return stacks.stack(self, count, rng)

    def save(self, path: str | Path) -> None:
        """Write theta and a description of the layers to an .npz file, whole or not at all."""
        from minigrad import saving

        saving.save(self, path)

    def load(self, path: str | Path) -> Self:
        """Take theta from a file written by `save` of a network of the same layers."""
        from minigrad import saving

        saving.load(self, path)
        return self

    # --- how it is kept ---

    def _root(self) -> "Network":
        owner = self._owner() if self._owner else None
        return owner._root() if isinstance(owner, Network) else self

    def _may_own(self, layers: tuple[Layer, ...]) -> None:
        """Refuse, before anything is changed, layers that cannot stand in this network."""
        for i, layer in enumerate(layers):
            if not isinstance(layer, Layer):
                raise TypeError(
                    f"layer {i + 1} is {layer!r}: expected a Layer, as Map('tanh'); "
                    "a list of them is passed as Network(*layers)"
                )
            owner = layer._owner() if layer._owner else None
            where = ""
            if layer is self._root():
                where = "in itself"
            elif any(layer is other for other in layers[:i]):
                where = "twice"
            elif owner not in (None, self):
                where = "in a second network"
            if where:
                raise OwnershipError(
                    f"{layer} would stand {where}: a layer has one place; add a copy "
                    "(copy.deepcopy), or take it out of .layers there first"
                )
        around = () if self._root() is self else (self._root(),)
        with_theta = [a for a in (*layers, *around) if a.theta.shape[-1]]
        for layer in with_theta[1:]:
            first = with_theta[0]
            if layer.place != first.place or layer.theta.dtype != first.theta.dtype:
                raise BackendError(
                    f"{layer} lives in {layer.theta.dtype} ({layer.place}), {first} in "
                    f"{first.theta.dtype} ({first.place}): convert one with .to(...)"
                )
            if layer.theta.shape[:-1] != first.theta.shape[:-1]:
                raise ShapeError(
                    f"{layer} is a stack of {layer.theta.shape[:-1]}, "
                    f"{first} of {first.theta.shape[:-1]}"
                )

    def _lay(self) -> None:
        """Lay theta and grad anew, end to end, from the layers' own, and let those be views."""
        self._bind(*self._gather())

    def _gather(self) -> tuple[Array, Array]:
        """theta and grad made anew of the layers' values; where nothing has parameters, our own."""
        parts = [
            layer._gather() if isinstance(layer, Network) else (layer.theta, layer.grad)
            for layer in self._layers
        ]
        parts = [part for part in parts if part[0].shape[-1]]
        if not parts:
            none = (self._layers[0].theta if self._layers else self.theta)[..., :0]
            return backend.copy(none), backend.copy(none)
        xp = backend.namespace(parts[0][0])
        theta, grad = (xp.concat(part, axis=-1) for part in zip(*parts, strict=True))
        return theta, grad

    def _bind(self, theta: Array, grad: Array) -> None:
        stop = 0
        for layer in self._layers:
            start, stop = stop, stop + _count(layer)
            layer._bind(theta[..., start:stop], grad[..., start:stop])
        super()._bind(theta, grad)

    def _forget(self) -> None:
        super()._forget()
        for layer in self._layers:
            layer._forget()

    def _each(self, verb: str, names: tuple[str, ...]) -> Self:
        if not names:
            for layer in self._layers:
                getattr(layer, verb)()
        unknown = set(names) - self.parameters().keys()
        if unknown:
            raise ValueError(f"no parameter {sorted(unknown)}: there are {list(self.parameters())}")
        for name in names:
            position, _, rest = name.partition(".")
            getattr(self._layers[int(position) - 1], verb)(rest)
        return self

    def _located(self, error: Exception, position: int) -> Exception:
        """The error with the layer's place: in the message of ours, as a note on any other."""
        layer = self._layers[position - 1]
        place = f"layer {position} of {len(self._layers)} ({layer})"
        if isinstance(error, ShapeError | BackendError):
            return type(error)(f"{place}: {str(error).removeprefix(f'{layer}: ')}")
        error.add_note(f"in {place}")
        return error

    def __str__(self) -> str:
        return "Network" if type(self) is Network else type(self).__name__

    def __repr__(self) -> str:
        return f"<{self}: {', '.join(map(str, self._layers)) or 'no layers'}>"

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        if self.theta.shape[-1]:  # it is its layers' ones; without any it still says of how many
            del state["_flat"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        layers, place = state.pop("_layers"), backend.place(state.pop("_spec"))
        empty = state.pop("_flat", None)
        vars(self).update(state, _layers=())
        self.layers = layers
        if empty is not None:
            self._bind(*(backend.move(flat, place) for flat in empty))


class Residual(Network):
    """y = x + layer_k(... layer_1(x)): as many outputs as inputs; dE/dx has dE/dy added."""

    def forward(self, x: Array) -> Array:
        y = super().forward(x)
        if y.shape != x.shape:
            raise ShapeError(
                f"{self}: its layers make {tuple(y.shape)} of {tuple(x.shape)}, "
                "expected the same shape, to add the two"
            )
        return x + y

    def backprop(self, dy: Array, to_input: bool = True) -> Array:
        dx = super().backprop(dy, to_input)
        return None if dx is None else dx + dy


def check_reach(net: Network) -> None:
    """TypeError if something that is to be trained hears no gradient: it, or one above, passes none
    on. A layer with a rule of its own freezes its parameters, and so says that it is one."""
    above = ""
    for layer in reversed(list(_passers(net))):
        if not has_backprop(layer):
            why = "has no method backprop(self, dy)"
            if _backprops(layer):
                why = "has no slope, for a sign has none"
            above = above or f"{layer} {why}"
        if above and layer.trained():
            raise TypeError(
                f"{layer} has parameters to train, but {above}; give it one, or freeze() the "
                "parameters that learn by a rule of their own"
            )


def _passers(layer: Layer) -> Iterator[Layer]:
    """The layers that pass a gradient on, or not; some networks say so for all in them."""
    if isinstance(layer, Network) and not hasattr(type(layer), "passes_gradient"):
        for inner in layer.layers:
            yield from _passers(inner)
    else:
        yield layer


def leaves(layer: Layer) -> Iterator[Layer]:
    """The layers in the order in which they act, those of inner networks among them."""
    if isinstance(layer, Network):
        for inner in layer.layers:
            yield from leaves(inner)
    else:
        yield layer


def width_of(layer: Layer) -> int | None:
    """The width of the input, as far as the layers say; None: any."""
    if isinstance(layer, Network) and layer.n is None:
        return next((n for inner in layer.layers if (n := width_of(inner)) is not None), None)
    return layer.n


@cache
def _knows_to_input(kind: Any) -> bool:
    return "to_input" in signature(kind.backprop).parameters


def has_backprop(layer: Layer) -> bool:
    """Whether the layer can pass a gradient on: one with a local rule cannot, nor can signs."""
    return _backprops(layer) and getattr(layer, "passes_gradient", True)


def _backprops(layer: Layer) -> bool:
    return type(layer).backprop is not Layer.backprop


def _count(layer: Layer) -> int:
    """How many parameters a layer has, whatever its theta is at the moment."""
    if isinstance(layer, Network):
        return sum(map(_count, layer.layers))
    return sum(map(backend.size, layer.shapes.values()))
