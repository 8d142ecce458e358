"""Solves and neural ODEs against scipy, torchdiffeq and diffrax: time, evaluations, error.

    python benchmarks/ode.py [--cases lorenz tight many vdp neural scaling] [--rounds 7] [--runs 2]

Rounds are interleaved. A cell is the median over rounds, its spread, and the ratio to minigrad's:
above 1 minigrad is faster, and below 1.3 nothing is called a win. Only the last state is kept.
Errors are against a solve by scipy's DOP853 at rtol 1e-13. diffrax compiles first: its time to the
first answer is printed, and counts for nothing after. Needs `pip install .[bench]`.
"""

import argparse
import time
import tracemalloc
import warnings

import numpy as np
from rounds import measured, optional, report

from minigrad import Affinity, Map, Network
from minigrad.ode import Adaptive, Fixed, autonomous, solve
from minigrad.ode.layer import ODELayer

SIGMA, RHO, BETA, MU = 10.0, 28.0, 8 / 3, 5.0


def lorenz(t, x):
    return np.array([SIGMA * (x[1] - x[0]), x[0] * (RHO - x[2]) - x[1], x[0] * x[1] - BETA * x[2]])


def van_der_pol(t, x):
    return np.array([x[1], MU * (1 - x[0] ** 2) * x[1] - x[0]])


def torch_field(name):
    import torch

    if name == "vdp":
        return lambda t, x: torch.stack([x[1], MU * (1 - x[0] ** 2) * x[1] - x[0]])
    return lambda t, x: torch.stack(
        [
            SIGMA * (x[1] - x[0]),
            x[0] * (RHO - x[2]) - x[1],
            x[0] * x[1] - BETA * x[2],
        ]
    )


def jax_field(name):
    import jax.numpy as jnp

    if name == "vdp":
        return lambda t, x, args: jnp.stack([x[1], MU * (1 - x[0] ** 2) * x[1] - x[0]])
    return lambda t, x, args: jnp.stack(
        [
            SIGMA * (x[1] - x[0]),
            x[0] * (RHO - x[2]) - x[1],
            x[0] * x[1] - BETA * x[2],
        ]
    )


def solves(title, name, field, x0, t1, rtol, atol, rounds):
    """One problem by every system: the last state is compared."""
    from scipy.integrate import solve_ivp

    flat = lambda t, x: field(t, x.reshape(x0.shape)).ravel()  # noqa: E731
    truth = solve_ivp(flat, (0, t1), x0.ravel(), "DOP853", rtol=1e-13, atol=1e-13).y[:, -1]
    evaluations, ends = {}, {}

    def ours(method):
        def run():
            found = solve(field, x0, 0.0, t1, method, Adaptive(rtol, atol), at=[t1])
            evaluations[method], ends[method] = found.evaluations, found.x[-1]

        return run

    def scipys(method):
        def run():
            found = solve_ivp(flat, (0, t1), x0.ravel(), method, [t1], rtol=rtol, atol=atol)
            evaluations[f"scipy {method}"] = found.nfev
            ends[f"scipy {method}"] = found.y[:, -1]

        return run

    functions = {"dopri5": ours("dopri5"), "tsit5": ours("tsit5"), "dop853": ours("dop853")}
    for method in ("RK45", "DOP853", *(("LSODA",) if x0.ndim == 1 else ())):
        functions[f"scipy {method}"] = scipys(method)
    torchdiffeq = optional("torchdiffeq")
    if torchdiffeq:
        import torch

        start, times = torch.tensor(x0), torch.tensor([0.0, t1], dtype=torch.float64)
        inner = torch_field(name)
        calls = [0]

        def counted(t, x):
            calls[0] += 1
            return inner(t, x)

        def torchs():
            calls[0] = 0
            with torch.no_grad():
                found = torchdiffeq.odeint(counted, start, times, rtol=rtol, atol=atol)
            evaluations["torchdiffeq dopri5"], ends["torchdiffeq dopri5"] = calls[0], found[-1]

        functions["torchdiffeq dopri5"] = torchs
    diffrax = optional("diffrax")
    if diffrax:
        import jax

        jax.config.update("jax_enable_x64", True)
        term = diffrax.ODETerm(jax_field(name))

        @jax.jit
        def jaxs(x):
            return diffrax.diffeqsolve(
                term, diffrax.Dopri5(), 0.0, t1, None, x, max_steps=100_000,
                stepsize_controller=diffrax.PIDController(rtol=rtol, atol=atol),
            )  # fmt: skip

        begun = time.perf_counter()
        found = jaxs(x0)
        ends["diffrax Dopri5"] = np.asarray(found.ys[-1])
        first = time.perf_counter() - begun
        evaluations["diffrax Dopri5"] = int(found.stats["num_steps"]) * 6 + 1
        functions["diffrax Dopri5"] = lambda: jaxs(x0).ys[-1].block_until_ready()
    times = measured(functions, rounds)
    report(title, times)
    for system, end in ends.items():
        off = np.abs(np.asarray(end).ravel() - truth)
        print(f"  {system:22} {evaluations[system]:7} evaluations, median error "
              f"{np.median(off):.1e}, largest {off.max():.1e}")  # fmt: skip
    if diffrax:
        print(f"  diffrax: the first answer after {first:.2f} s")


def neural(rounds):
    """784-32-784, batch 128, three RK4 steps: forward and gradient, float32."""
    rng = np.random.default_rng(0)
    x = rng.random((128, 784)).astype("f4")
    dy = rng.standard_normal((128, 784)).astype("f4")

    def ours(gradient):
        net = Network(
            Affinity(784, 32, rng=1, dtype="float32"), Map("relu"),
            Affinity(32, 784, rng=2, dtype="float32"), Map("tanh"),
        )  # fmt: skip
        layer = ODELayer(autonomous(net), 0.3, control=Fixed(steps=3), gradient=gradient)
        layer.learning = True  # as in `fit`: no stage is taken twice

        def run():
            layer(x)
            layer.zero_grad()
            return layer.backprop(dy)

        return run, net

    steps, net = ours("steps")
    functions = {"minigrad, through the steps": steps, "minigrad, adjoint": ours("adjoint")[0]}
    weights = [(net.layers[i].M.copy(), net.layers[i].b.copy()) for i in (0, 2)]
    gradients = {name: function() for name, function in functions.items()}
    torchdiffeq = optional("torchdiffeq")
    if torchdiffeq:
        import torch

        modules = [torch.nn.Linear(784, 32), torch.nn.ReLU(), torch.nn.Linear(32, 784)]
        for module, (M, b) in zip(modules[::2], weights, strict=True):
            module.weight.data, module.bias.data = torch.tensor(M), torch.tensor(b)

        class Field(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = torch.nn.Sequential(*modules, torch.nn.Tanh())

            def forward(self, t, x):
                return self.inner(x)

        field, start = Field(), torch.tensor(x, requires_grad=True)
        times, back = torch.tensor([0.0, 0.3]), torch.tensor(dy)

        def torchs(adjoint):
            integrate = torchdiffeq.odeint_adjoint if adjoint else torchdiffeq.odeint

            def run():
                field.zero_grad()
                start.grad = None
                y = integrate(field, start, times, method="rk4", options={"step_size": 0.1})[-1]
                y.backward(back)
                return start.grad

            return run

        def by_hand():
            field.zero_grad()
            start.grad, y, h = None, start, 0.1
            for _ in range(3):
                a = field(0, y)
                b = field(0, y + h / 2 * a)
                c = field(0, y + h / 2 * b)
                d = field(0, y + h * c)
                y = y + h / 6 * (a + 2 * b + 2 * c + d)
            y.backward(back)
            return start.grad

        functions |= {"torchdiffeq, steps": torchs(False), "torchdiffeq, adjoint": torchs(True),
                      "PyTorch by hand": by_hand}  # fmt: skip
    diffrax = optional("diffrax")
    if diffrax:
        import jax
        import jax.numpy as jnp

        params = [(jnp.asarray(M), jnp.asarray(b)) for M, b in weights]

        def inner(t, x, params):
            (M, b), (N, c) = params
            return jnp.tanh(jax.nn.relu(x @ M.T + b) @ N.T + c)

        def loss(start, params, adjoint):
            found = diffrax.diffeqsolve(
                diffrax.ODETerm(inner), RK4(), 0.0, 0.3, 0.1, start, args=params, adjoint=adjoint,
                max_steps=8,
            )  # fmt: skip
            return jnp.sum(found.ys[-1] * dy)

        class RK4(diffrax.AbstractERK):
            tableau = diffrax.ButcherTableau(
                a_lower=(np.array([0.5]), np.array([0.0, 0.5]), np.array([0.0, 0.0, 1.0])),
                b_sol=np.array([1 / 6, 1 / 3, 1 / 3, 1 / 6]),
                b_error=np.zeros(4),
                c=np.array([0.5, 0.5, 1.0]),
            )
            interpolation_cls = diffrax.ThirdOrderHermitePolynomialInterpolation.from_k

            def order(self, terms):
                return 4

        for name, adjoint in {
            "diffrax, steps": diffrax.RecursiveCheckpointAdjoint(),
            "diffrax, backsolve": diffrax.BacksolveAdjoint(),
        }.items():
            compiled = jax.jit(jax.grad(lambda a, p, adjoint=adjoint: loss(a, p, adjoint), (0, 1)))
            begun = time.perf_counter()
            compiled(jnp.asarray(x), params)[0].block_until_ready()
            print(f"  {name}: the first answer after {time.perf_counter() - begun:.2f} s")
            functions[name] = lambda compiled=compiled: compiled(jnp.asarray(x), params)[
                0
            ].block_until_ready()
    expected = gradients["minigrad, through the steps"]
    for name, function in functions.items():
        gap = np.abs(np.asarray(function()) - expected).max() / np.abs(expected).max()
        if gap > 1e-3:
            print(f"  {name}: its gradient is off by {gap:.1e}")
    report(
        "784-32-784, batch 128, three RK4 steps, forward and gradient", measured(functions, rounds)
    )


def scaling():
    """Cost by steps and by batch, and the memory of the exact gradient, 200-32-200, rk4."""
    print("\ngradient through the steps, 200-32-200, rk4")
    print("  steps  batch  checkpoints      time  a step and sample  memory")
    for steps, batch, checkpoints in (
        (10, 100, None), (100, 100, None), (1000, 100, None), (100, 10, None), (100, 1000, None),
        (16, 100, 4), (64, 100, 8), (256, 100, 16), (1024, 100, 32),
    ):  # fmt: skip
        net = Network(Affinity(200, 32, rng=1), Map("tanh"), Affinity(32, 200, rng=2))
        control = Fixed(steps=steps)
        layer = ODELayer(autonomous(net), 1.0, control=control, checkpoints=checkpoints)
        layer.learning, x = True, np.random.default_rng(0).standard_normal((batch, 200))

        def run(layer=layer, x=x):
            layer(x)
            layer.backprop(x)

        run()
        begun = time.perf_counter()
        run()
        took = time.perf_counter() - begun
        layer._forget()
        tracemalloc.start()
        run()
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        print(f"  {steps:5}  {batch:5}  {checkpoints or 'all':>11}  {took * 1e3:5.0f} ms  "
              f"{took / steps / batch * 1e6:14.1f} us  {peak:4.0f} MB")  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="*", default=["lorenz", "tight", "many", "vdp", "neural"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--runs", type=int, default=2)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    one, rounds = np.array([1.0, 1.0, 1.0]), options.rounds
    many = np.random.default_rng(0).uniform([-10, -10, 15], [10, 10, 35], (1000, 3)).T.copy()
    cases = {
        "lorenz": lambda: solves(
            "Lorenz to 10, 1e-6 / 1e-9", "lorenz", lorenz, one, 10.0, 1e-6, 1e-9, rounds
        ),
        "tight": lambda: solves(
            "Lorenz to 10, 1e-9 / 1e-12", "lorenz", lorenz, one, 10.0, 1e-9, 1e-12, rounds
        ),
        "many": lambda: solves(
            "1,000 Lorenz states to 5", "many", lorenz, many, 5.0, 1e-6, 1e-9, rounds
        ),
        "vdp": lambda: solves(
            "van der Pol, mu 5, to 20", "vdp", van_der_pol, np.array([2.0, 0.0]), 20.0, 1e-6, 1e-9,
            rounds,
        ),
        "neural": lambda: neural(rounds),
        "scaling": scaling,
    }  # fmt: skip
    for number in range(options.runs):
        print(f"\nrun {number + 1}")
        for case in options.cases:
            cases[case]()


if __name__ == "__main__":
    main()
