"""Long runs: a row of local layers learns from a stream of frames, and can stop and go on.

    run = Run([sparse, invariant], camera, path="run.npz", every=10_000)
    run(10_000, epochs=20)     # to the end of epoch 20; after an interruption the same call goes on

Each layer learns from what the one below answered while it learned. Weights, traces, camera and
generator are kept together: a run that was interrupted ends where it would have ended.
"""

import json
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np

from minigrad import backend, samples
from minigrad.errors import FormatError, NotFiniteError
from minigrad.hebbian.codes import beside
from minigrad.hebbian.local import LocalLayer
from minigrad.layers import Layer
from minigrad.losses import not_finite
from minigrad.network import Network, leaves
from minigrad.saving import describe, read_arrays, write_whole

FORMAT = "minigrad run 1"


class Run:
    """`layers`, lowest first (a sequence, one layer, or a Network), learn from frames of `stream`.

    `stream`: a `Camera`, what `centred` gives, or what else has take(n), state() and
    restore(state). Layers without a local rule only pass on what they make of their input; one
    with parameters for a gradient to train is refused. Frames are brought to where the lowest layer
    lives.

    `block`: frames at a time. `callback(run)` is called after each block, for pictures of the
    weights as they form (`run.layers[0].W`); one that returns True ends the run. `path`: where a
    checkpoint is written at the end of each call, after an interruption too, and, given `every`,
    each time that so many more frames were seen.

    `seen`: frames so far; `stopped` says why the last call ended, `interrupted` whether by Ctrl-C.
    """

    def __init__(
        self,
        layers: Layer | Iterable[Layer],
        stream: Any,
        block: int = 500,
        path: str | Path | None = None,
        every: int | None = None,
        callback: Callable[["Run"], Any] | None = None,
    ) -> None:
        row = [layers] if isinstance(layers, Layer) else list(layers)
        if strange := [layer for layer in row if not isinstance(layer, Layer)]:
            raise TypeError(f"layers: expected layers, came a {type(strange[0]).__name__}")
        self.layers = tuple(part for layer in row for part in _in_a_row(layer))
        self._check_layers()
        if missing := [v for v in ("take", "state", "restore") if not hasattr(stream, v)]:
            raise TypeError(
                f"stream: expected a Camera, centred(images), or what else has take(n), state() "
                f"and restore(state); a {type(stream).__name__} has no {', '.join(missing)}"
            )
        if callback is not None and not callable(callback):
            raise TypeError(f"callback: expected a function of the run, came {callback!r}")
        if every is not None and path is None:
            raise ValueError("every: there is no path to write checkpoints to")
        if path is not None and not Path(path).resolve().parent.is_dir():
            raise FileNotFoundError(f"path: there is no folder {Path(path).resolve().parent}")
        self.stream, self.path, self.callback = stream, path, callback
        self.block = samples.positive("block", block)
        self.every = None if every is None else samples.positive("every", every)
        self.seen, self.interrupted, self.stopped = 0, False, "not begun"

    def __call__(self, frames: int, epochs: int = 1) -> Self:
        """Go on until `epochs` epochs of `frames` frames were seen in all; returns itself.

        Blocks end where epochs end. Ctrl-C ends the run at the end of the last whole block, keeps
        what was learned, and warns; any error leaves everything as it was then.
        """
        frames = samples.positive("frames", frames)
        return self._until(frames * samples.positive("epochs", epochs), frames)

    def epoch(self, frames: int) -> Self:
        """Go on to the end of the epoch of `frames` frames that is under way; returns itself."""
        frames = samples.positive("frames", frames)
        return self._until((self.seen // frames + 1) * frames, frames)

    def _until(self, end: int, frames: int) -> Self:
        from tqdm import tqdm

        self.interrupted, self.stopped = False, f"all {max(end, self.seen)} frames seen"
        bar = tqdm(total=end, initial=self.seen, disable=None, unit="frame", leave=False)
        try:
            while self.seen < end:
                before, within = self.seen, self.seen % frames
                self._learn(min(frames, (within // self.block + 1) * self.block) - within)
                bar.update(self.seen - before)
                if self.every is not None and self.seen // self.every > before // self.every:
                    self.save(self.path)  # type: ignore[arg-type]
                answer = self.callback(self) if self.callback is not None else None
                if isinstance(answer, bool | np.bool_) and answer:
                    self.stopped = f"the callback ended it after frame {self.seen}"
                    break
        except KeyboardInterrupt:
            self.interrupted, self.stopped = True, f"interrupted after frame {self.seen}"
            warnings.warn(
                f"{self.stopped}: the layers keep what they learned", UserWarning, stacklevel=3
            )
        finally:  # whatever ended it: what was learned is not lost
            bar.close()
            if self.path is not None:
                self.save(self.path)
        self._report_dead()
        return self

    def _report_dead(self) -> None:
        """Warn of every layer of which more than half of the units never won."""
        for layer in self.layers:
            wins = _wins(layer)
            dead = 0 if wins is None else int(np.count_nonzero(wins == 0))
            if wins is not None and 2 * dead > wins.size and self.seen >= 10 * wins.size:
                warnings.warn(
                    f"{layer}: {dead} of its units never won in {self.seen} frames; a start from "
                    "samples (start=...), or other rates, may wake them",
                    UserWarning,
                    stacklevel=4,
                )

    def _learn(self, count: int) -> None:
        """Let every layer learn from the next frames, or none from any of them."""
        seen, state = self.seen, self.stream.state()
        thetas = [backend.copy(layer.theta) for layer in self.layers]
        try:
            x = beside(self.stream.take(count), self.layers[0])
            for layer in self.layers:
                x = layer.learn(x) if isinstance(layer, LocalLayer) else layer(x)
            self.seen += count
        except BaseException:
            self.seen = seen
            self.stream.restore(state)
            for layer, theta in zip(self.layers, thetas, strict=True):
                layer.theta = theta
            raise

    def save(self, path: str | Path) -> None:
        """Write all that the next frames depend on to an .npz, whole or not at all."""
        arrays: dict[str, Any] = {
            f"stream.{name}": np.asarray(value) for name, value in self.stream.state().items()
        }
        for i, layer in enumerate(self.layers):
            arrays[f"theta.{i}"] = backend.host(samples.finite(f"theta of {layer}", layer.theta))
        about = np.array(json.dumps(self._described()))

        def write(stream: BinaryIO) -> None:
            np.savez(
                stream,
                format=np.array(FORMAT),
                layers=about,
                seen=np.array(self.seen),
                **arrays,
            )

        write_whole(path, write)

    def load(self, path: str | Path) -> Self:
        """Be as the run was that wrote `path`; returns itself.

        Raises FormatError, and nothing is changed, unless it was a run of the same layers, of the
        same float type, over a stream of the same make.
        """
        names = [f"theta.{i}" for i in range(len(self.layers))]
        saved = read_arrays(path, FORMAT, ("layers", "seen"))
        expected, found = self._described(), _list(saved["layers"])
        if found != expected or any(name not in saved for name in names):
            raise FormatError(f"{path} holds another run, of\n{found}; expected\n{expected}")
        for name, layer in zip(names, self.layers, strict=True):
            theta = saved[name]
            if theta.shape != tuple(layer.theta.shape):
                raise FormatError(
                    f"{path}: {layer} has theta of shape {tuple(layer.theta.shape)}, "
                    f"came {theta.shape}"
                )
            if theta.dtype.name != (dtype := backend.dtype_name(layer.theta)):
                raise FormatError(
                    f"{path}: {layer} is of {dtype}, came {theta.dtype}: take "
                    f"layer.to(dtype={theta.dtype.name!r}), so that it goes on exactly"
                )
            if not np.isfinite(theta).all():
                raise NotFiniteError(f"{path}: theta of {layer} has {not_finite(theta)}")
        state = {k.removeprefix("stream."): v for k, v in saved.items() if k.startswith("stream.")}
        try:
            seen = int(saved["seen"])
            self.stream.restore(state)
        except (ValueError, TypeError, KeyError) as error:
            raise FormatError(f"{path} holds a run over another stream: {error}") from error
        for name, layer in zip(names, self.layers, strict=True):
            layer.theta = backend.move(saved[name], layer.place)
        self.seen, self.interrupted, self.stopped = seen, False, f"loaded at frame {seen}"
        return self

    def __str__(self) -> str:
        lines = [f"{self.seen} frames, {self.stopped}"]
        for layer in self.layers:
            wins = _wins(layer)
            if wins is not None:
                lines.append(f"{layer}: {np.count_nonzero(wins == 0)} of {wins.size} never won")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Run of {', '.join(map(str, self.layers))}: {self.seen} frames, {self.stopped}>"

    def _described(self) -> list[str]:
        return [line for layer in self.layers for line in describe(layer)]

    def _check_layers(self) -> None:
        if not any(isinstance(layer, LocalLayer) for layer in self.layers):
            raise TypeError(f"layers: none of {list(map(str, self.layers))} learns by a local rule")
        if len({id(layer) for layer in self.layers}) < len(self.layers):
            raise ValueError("layers: one of them stands there twice")
        for layer in self.layers:
            if not isinstance(layer, LocalLayer) and layer.trained():
                raise TypeError(
                    f"{layer} learns by gradient, and would learn nothing here: fit it afterwards, "
                    "on what the layers below answer"
                )


def _in_a_row(layer: Layer) -> Iterator[Layer]:
    """The layers of a plain network one by one; a network with a forward of its own stays whole."""
    if type(layer) is Network:
        for inner in layer.layers:
            yield from _in_a_row(inner)
        return
    if isinstance(layer, Network) and any(isinstance(leaf, LocalLayer) for leaf in leaves(layer)):
        raise TypeError(f"{layer}: a layer with a local rule in it would not learn; take it out")
    yield layer


def _wins(layer: Layer) -> Any:
    """How often each unit has won (m,), on the host; None of layers that do not count."""
    wins = getattr(layer, "wins", getattr(layer, "counts", None))
    return None if wins is None else backend.host(wins)


def _list(text: Any) -> Any:
    try:
        return json.loads(str(text))
    except ValueError:
        return str(text)
