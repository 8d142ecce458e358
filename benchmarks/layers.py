"""The whole step of learning (forward, loss, backprop, update) against PyTorch and JAX, float32.

    python benchmarks/layers.py [--cases abcdefg] [--rounds 7] [--seconds 0.2] [--runs 2]

Every system runs in a process of its own; rounds are interleaved, so that all meet the same
weather. A cell is the median over rounds, its spread (least and most) and the ratio of medians to
minigrad's: above 1 minigrad is faster, and below 1.3 nothing is called a win. All systems start
from the same weights and are held to the same loss after five steps. Needs `pip install .[bench]`.
"""

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import time

import numpy as np
import rounds

# name: widths, map, batch, loss, optimizer, alpha
CASES = {
    "a": ((2, 2), None, 1, "squared", "sgd", 1e-3),
    "b": ((2, 2, 2, 2, 2), "tanh", 10, "squared", "sgd", 1e-3),
    "c": ((2, 8, 1), "tanh", 4, "squared", "sgd", 1e-3),
    "d": ((784, 32, 10), "relu", 128, "classes", "adam", 1e-4),
    "e": ((784, 512, 512, 10), "relu", 128, "classes", "adam", 1e-4),
    "f": ((1024, 4096, 1024), "relu", 256, "squared", "sgd", 1e-4),
    "g": ((2, 2), None, 10, "squared", "sgd", 1e-3),  # 256 networks: a stack, or one at a time
}
SYSTEMS = ["minigrad", "minigrad plain", "torch eager", "torch fused", "torch compiled", "jax jit"]
BATCHES = 16  # different batches, in turn: one batch repeated trains until its gradients vanish


def problem(case):
    """Weights [(M, b), ...] and batches [(x, t), ...] of a case, the same for every system."""
    widths, _, batch, loss, *_ = CASES[case]
    rng = np.random.default_rng(0)
    weights = []
    for n, m in itertools.pairwise(widths):
        edge = np.sqrt(6 / (n + m))
        weights.append((rng.uniform(-edge, edge, (m, n)).astype("f4"), np.zeros(m, "f4")))
    batches = []
    for _ in range(BATCHES):
        x = rng.standard_normal((batch, widths[0])).astype("f4")
        if loss == "classes":
            t = np.eye(widths[-1], dtype="f4")[rng.integers(0, widths[-1], batch)]
        else:
            t = rng.standard_normal((batch, widths[-1])).astype("f4")
        batches.append((x, t))
    return weights, batches


def minigrad_step(case, plain):
    from minigrad import Adam, Affinity, GradientDescent, Map, Network, learner, losses

    _, f, _, loss, optimizer, alpha = CASES[case]
    weights, batches = problem(case)
    net = Network()
    for i, (M, b) in enumerate(weights):
        if i:
            net.extend(Map(f))
        layer = net.extend(Affinity(M.shape[1], M.shape[0], dtype="float32", rng=0)).layers[-1]
        layer.M, layer.b = M, b
    loss = losses.softmax_cross_entropy if loss == "classes" else losses.half_squared_error
    mover = Adam(alpha) if optimizer == "adam" else GradientDescent(alpha)
    steps = learner.Learner(net, loss, mover, lambda i: batches[i % BATCHES])
    if plain:
        steps.programs.step_for = lambda x, t: steps.plain
    return steps.step


def torch_step(case, fused, compiled):
    import torch

    _, f, _, loss, optimizer, alpha = CASES[case]
    weights, batches = problem(case)
    modules = []
    for i, (M, b) in enumerate(weights):
        if i:
            modules.append(torch.nn.Tanh() if f == "tanh" else torch.nn.ReLU())
        modules.append(torch.nn.Linear(M.shape[1], M.shape[0]))
        with torch.no_grad():
            modules[-1].weight.copy_(torch.from_numpy(M))
            modules[-1].bias.copy_(torch.from_numpy(b))
    net = torch.nn.Sequential(*modules)
    batches = [(torch.from_numpy(x), torch.from_numpy(t)) for x, t in batches]
    kind = torch.optim.Adam if optimizer == "adam" else torch.optim.SGD
    mover = kind(net.parameters(), lr=alpha, fused=fused)

    def loss_of(x, t):
        y = net(x)
        if loss == "classes":
            return torch.nn.functional.cross_entropy(y, t)
        return 0.5 * ((y - t) ** 2).sum() / len(x)

    if compiled:
        loss_of = torch.compile(loss_of)

    def step(i):
        mover.zero_grad()
        value = loss_of(*batches[i % BATCHES])
        value.backward()
        mover.step()
        return float(value)

    return step


def jax_step(case):
    import jax
    import jax.numpy as jnp

    _, f, _, loss, optimizer, alpha = CASES[case]
    weights, batches = problem(case)
    f = jnp.tanh if f == "tanh" else jax.nn.relu

    def loss_of(weights, x, t):
        for i, (M, b) in enumerate(weights):
            x = (f(x) if i else x) @ M.T + b
        if loss == "classes":
            return -jnp.mean(jnp.sum(t * jax.nn.log_softmax(x), axis=-1))
        return 0.5 * jnp.sum((x - t) ** 2) / len(x)

    @jax.jit
    def update(state, x, t):
        weights, m, v, k = state
        value, grad = jax.value_and_grad(loss_of)(weights, x, t)
        if optimizer == "adam":
            k = k + 1
            m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grad)
            v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grad)
            c1, c2 = 1 - 0.9**k, 1 - 0.999**k
            weights = jax.tree.map(
                lambda w, m, v: w - alpha * (m / c1) / (jnp.sqrt(v / c2) + 1e-8), weights, m, v
            )
        else:
            weights = jax.tree.map(lambda w, g: w - alpha * g, weights, grad)
        return (weights, m, v, k), value

    weights = jax.tree.map(jnp.asarray, weights)
    zero = jax.tree.map(jnp.zeros_like, weights)
    state = [(weights, zero, zero, jnp.zeros(()))]
    batches = [(jnp.asarray(x), jnp.asarray(t)) for x, t in batches]

    def step(i):
        state[0], value = update(state[0], *batches[i % BATCHES])
        return float(value)

    return step


def stack_step(count):
    """Case g: `count` networks learn the same batch as a stack; the time is that of all."""
    from minigrad import Affinity, GradientDescent, Map, Network, learner, losses, stacks

    _, _, _, _, _, alpha = CASES["g"]
    _, batches = problem("g")
    net = Network(Affinity(2, 2, rng=0, dtype="float32"), Map("tanh"))
    if count > 1:
        steps = stacks.StackLearner(
            net.stack(count, rng=0),
            losses.half_squared_error,
            GradientDescent(alpha),
            lambda i: batches[i % BATCHES],
        )
    else:
        steps = learner.Learner(
            net, losses.half_squared_error, GradientDescent(alpha), lambda i: batches[i % BATCHES]
        )
    return steps.step


def make(system, case):
    if system == "minigrad stack of 256":
        return stack_step(256)
    if system == "minigrad one":
        return stack_step(1)
    if system.startswith("minigrad"):
        return minigrad_step(case, system.endswith("plain"))
    if system.startswith("torch"):
        return torch_step(case, system == "torch fused", system == "torch compiled")
    return jax_step(case)


def serve(system, case):
    """The process of one system: for each line, the seconds to run, answer the time of a step."""
    step, i = make(system, case), 0
    first = [np.mean(step(i := i + 1)) for _ in range(5)]
    for _ in range(15):
        step(i := i + 1)
    print(json.dumps([float(v) for v in first]), flush=True)
    for line in sys.stdin:
        end, start, count = float(line), time.perf_counter(), 0
        while (now := time.perf_counter()) < start + end:
            for _ in range(5):
                step(i := i + 1)
            count += 5
        print((now - start) / count, flush=True)


def run(case, systems, count, seconds):
    """{system: [seconds a step, one a round]}, rounds interleaved."""
    workers = {}
    for system in systems:
        workers[system] = subprocess.Popen(
            [sys.executable, __file__, "--serve", system, "--cases", case],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        answer = workers[system].stdout.readline()
        if not answer:
            print(f"  {system} is not here, or failed")
            del workers[system]
            continue
        losses = json.loads(answer)
        if system == systems[0]:
            expected = losses
        elif case != "g" and not np.allclose(losses, expected, rtol=1e-3):
            raise SystemExit(f"{case}: {system} has the losses {losses}, minigrad {expected}")
    times = {system: [] for system in workers}
    for _ in range(count):
        for system, worker in workers.items():
            worker.stdin.write(f"{seconds}\n")
            worker.stdin.flush()
            times[system].append(float(worker.stdout.readline()))
    for worker in workers.values():
        worker.stdin.close()
        worker.wait()
    return times


def report(case, times):
    widths, f, batch, loss, optimizer, _ = CASES[case]
    title = f"{case}: {'-'.join(map(str, widths))} {f or ''}, batch {batch}, {loss}, {optimizer}"
    rounds.report(title, times)
    if case == "g":
        stack, alone = (statistics.median(values) for values in times.values())
        print(
            f"  a network and step: stack {rounds.in_words(stack / 256)}, one at a time "
            f"{rounds.in_words(alone)}, {alone / (stack / 256):.1f} times"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", default="abcdefg")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.2)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--systems", nargs="*", default=SYSTEMS)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(options.serve, options.cases)
    for number in range(options.runs):
        print(f"\nrun {number + 1}")
        for case in options.cases:
            systems = ["minigrad stack of 256", "minigrad one"] if case == "g" else options.systems
            report(case, run(case, systems, options.rounds, options.seconds))


if __name__ == "__main__":
    main()
