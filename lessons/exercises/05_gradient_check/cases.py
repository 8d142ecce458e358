"""The cases of exercise 5: layers with a right backprop and with a bug planted."""

import numpy as np

from minigrad.exercises.calling import Given
from minigrad.exercises.course import case


def tanh(M, b, bug):
    return dict(f=Given("tanh_layer", M=M, b=b), df=Given("tanh_backprop", M=M, b=b, bug=bug))


@case("one sample, a right gradient", points=1)
def right(rng):
    M, b = rng.uniform(0.2, 0.8, (3, 4)), rng.uniform(0, 0.3, 3)
    x, dy = rng.uniform(0.1, 0.6, (1, 4)), rng.uniform(0.5, 1.5, (1, 3))
    return dict(**tanh(M, b, "none"), x=x, dy=dy, h=1e-5)


@case("a batch, a bug in one entry", points=2)
def one_entry(rng):
    M, b = 0.5 * rng.normal(size=(3, 4)), rng.normal(size=3)
    x, dy = rng.normal(size=(5, 4)), rng.normal(size=(5, 3))
    return dict(**tanh(M, b, "one entry"), x=x, dy=dy, h=1e-4)


@case("softmax, in large steps", points=1)
def softmax(rng):
    x, dy = rng.normal(size=(2, 5)), rng.normal(size=(2, 5))
    return dict(f=Given("softmax"), df=Given("softmax_backprop"), x=x, dy=dy, h=0.1)


@case("whole numbers, transposed", points=2)
def whole(rng):
    M, b = 0.5 * rng.normal(size=(3, 3)), rng.normal(size=3)  # square, or it would not fit
    x, dy = rng.integers(-2, 3, (2, 3)), 20 * rng.normal(size=(2, 3))
    return dict(**tanh(M, b, "transposed"), x=x, dy=dy, h=1e-4)


@case("samples that mix", points=2)
def mix(rng):
    while True:  # until the numeric gradient is the larger one, for whoever divides by dx alone
        x, dy = rng.normal(size=(4, 2)), rng.normal(size=(4, 2))
        dx = 3 * (x - x.mean(axis=0)) ** 2 * dy
        gap = dx.mean(axis=0)
        if np.abs(dx).max() < 0.9 * np.abs(dx - gap).max():
            break
    dy *= np.sign(gap[np.abs(gap).argmax()])  # the worst dx is too large
    return dict(f=Given("centred_cube"), df=Given("centred_cube_backprop"), x=x, dy=dy, h=1e-3)


@case("another layer, transposed", points=2, hidden=True)
def another(rng):
    M, b = 0.5 * rng.normal(size=(4, 4)), rng.normal(size=4)
    x, dy = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    return dict(**tanh(M, b, "transposed"), x=x, dy=dy, h=1e-3)
