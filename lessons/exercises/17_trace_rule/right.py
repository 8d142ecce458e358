"""Right answers to exercise 17 that are written differently."""

import numpy as np


# %% with loops
def trace_rule(W, x, resets, alpha, eta):
    m, n = W.shape
    W = [[float(weight) for weight in row] for row in W]
    t, winners, cleared = [0.0] * m, [], {int(number) for number in resets}
    for number in range(len(x)):
        for i in range(m):
            a = sum(W[i][j] * x[number, j] for j in range(n))
            t[i] = alpha * a + (0 if number in cleared else (1 - alpha) * t[i])
        w = t.index(max(t))
        row = [W[w][j] + eta * t[w] * x[number, j] for j in range(n)]
        length = sum(weight**2 for weight in row) ** 0.5
        W[w] = [weight / length for weight in row]
        winners.append(w)
    return np.array(W), np.array(winners), np.array(t)


# %% shot by shot, with one-hot winners
def trace_rule(W, x, resets, alpha, eta):
    W, winners, t = np.array(W), np.zeros(len(x), int), None
    for shot in np.split(np.arange(len(x)), resets):
        t = np.zeros(len(W))
        for i in shot:
            t += alpha * (np.einsum("ij,j->i", W, x[i]) - t)
            winners[i] = np.argmax(t)
            won = (np.arange(len(W)) == winners[i])[:, None]
            learned = W + eta * t.max() * won * x[i]
            W = np.where(won, learned / np.sqrt((learned**2).sum(axis=1, keepdims=True)), W)
    return W, winners, t


# %% with helpers
def of_length_one(w):
    return w / np.sqrt(w @ w)


def after(W, t, frame, alpha, eta):
    t = t + alpha * (W @ frame - t)
    w = int(np.argmax(t))
    learned = of_length_one(W[w] + eta * t[w] * frame)
    return np.concatenate([W[:w], [learned], W[w + 1 :]]), t, w


def trace_rule(W, x, resets, alpha, eta):
    t, winners = 0 * W[:, 0], []
    for i in range(x.shape[0]):
        W, t, w = after(W, t * (i not in set(resets.tolist())), x[i], alpha, eta)
        winners += [w]
    return W, winners, t
