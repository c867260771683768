"""Is it the noise of the batch that keeps batch normalization from over-fitting?

The same small network of dense layers, the same batches and steps; only the number of
samples that are normalized together changes, from 4 to the whole batch, and without
normalization as the control. After each epoch the statistics of the whole training set
take the place of the batch's, so that no moving average has a part in the result.
NumPy throughout, with the package's forward and backward functions.

    python benchmarks/experiments/ghost_batches.py       two minutes
"""

import itertools

import miniature
import numpy as np

from companion.scratch import batch_norm_backward, batch_norm_forward

EPSILON = 1e-3


def main():
    chosen = miniature.options(
        __doc__,
        pictures=1000,
        batch=200,
        epochs=60,
        width=128,
        groups=(4, 20, 200, 0),  # 0: no normalization
        rates=(0.03, 0.1, 0.3, 1.0),
        seeds=5,
    )
    (x, y), (x_test, y_test) = (
        (miniature.halved(pictures).reshape(len(labels), -1), labels.astype(int))
        for pictures, labels in miniature.clothes(chosen.pictures, 1000)
    )

    def train(group, rate, seed):
        network = Network(x.shape[1], chosen.width, group, seed)
        generator = np.random.default_rng(100 + seed)
        history = []
        for _ in range(chosen.epochs):
            order = generator.permutation(len(x))
            for start in range(0, len(x), chosen.batch):
                rows = order[start : start + chosen.batch]
                network.step(x[rows], y[rows], rate)
            history.append([*network.score(x, y, x), *network.score(x_test, y_test, x)])
        names = "train loss", "train error", "test loss", "test error"
        columns = np.array(history).round(3).T.tolist()
        curves = {
            name: [v if np.isfinite(v) else None for v in column]
            for name, column in zip(names, columns, strict=True)
        }
        return {"group": group, "rate": rate, "seed": seed, **curves}

    tasks = [
        (group, rate, seed)
        for group in chosen.groups
        for rate in chosen.rates
        for seed in range(chosen.seeds)
    ]
    runs = miniature.finish(chosen, tasks, train)
    facts = {k: getattr(chosen, k) for k in ("pictures", "batch", "epochs", "rates")}
    miniature.record(chosen, indent=None, **facts, runs=runs)


class Network:
    """Two hidden layers with normalization of `group` samples at a time."""

    def __init__(self, inputs, width, group, seed):
        generator = np.random.default_rng(seed)
        sizes = [inputs, width, width, 10]
        self.group = group
        self.kernels = [
            (generator.normal(size=(a, b)) * np.sqrt(2 / a)).astype("float32")
            for a, b in itertools.pairwise(sizes)
        ]
        self.betas = [np.zeros(b, "float32") for b in sizes[1:]]
        self.gammas = [np.ones(b, "float32") for b in sizes[1:-1]]

    def parts(self, z):
        """(batch, channels) as (group, parts * channels): each part is a batch."""
        parts = z.reshape(-1, self.group, z.shape[1])
        return parts.transpose(1, 0, 2).reshape(self.group, -1)

    def whole(self, parts, channels):
        parts = parts.reshape(self.group, -1, channels).transpose(1, 0, 2)
        return parts.reshape(-1, channels)

    def step(self, x, y, rate):
        """One step of gradient descent on the cross-entropy."""
        inputs, hidden, before = [x], [], []
        for kernel, gamma, beta in zip(
            self.kernels, self.gammas, self.betas, strict=False
        ):
            z = inputs[-1] @ kernel
            before.append(z)
            hidden.append(self.normalized(z, gamma, beta) if self.group else z + beta)
            inputs.append(np.maximum(hidden[-1], 0))
        g = softmax(inputs[-1] @ self.kernels[-1] + self.betas[-1])
        g[np.arange(len(y)), y] -= 1
        g /= len(y)
        for i in (2, 1, 0):
            if i < 2:
                g = g * (hidden[i] > 0)
            down = g
            if i < 2 and self.group:
                count = len(g) // self.group
                down, grad_gamma, grad_beta = batch_norm_backward(
                    self.parts(g),
                    self.parts(before[i]),
                    np.tile(self.gammas[i], count),
                    EPSILON,
                )
                down = self.whole(down, g.shape[1])
                self.gammas[i] -= rate * grad_gamma.reshape(count, -1).sum(0)
                self.betas[i] -= rate * grad_beta.reshape(count, -1).sum(0)
            else:
                self.betas[i] -= rate * g.sum(0)
            g = down @ self.kernels[i].T
            self.kernels[i] -= rate * inputs[i].T @ down

    def normalized(self, z, gamma, beta):
        count = len(z) // self.group
        y, *_ = batch_norm_forward(
            self.parts(z), np.tile(gamma, count), np.tile(beta, count), EPSILON
        )
        return self.whole(y, z.shape[1])

    def score(self, x, y, training):
        """Loss and error at inference, with the statistics of the training set."""
        for kernel, gamma, beta in zip(
            self.kernels, self.gammas, self.betas, strict=False
        ):
            z, seen = x @ kernel, training @ kernel
            if self.group:
                given = {"mean": seen.mean(0), "variance": seen.var(0)}
                z, seen = (
                    batch_norm_forward(each, gamma, beta, EPSILON, **given)[0]
                    for each in (z, seen)
                )
            else:
                z, seen = z + beta, seen + beta
            x, training = np.maximum(z, 0), np.maximum(seen, 0)
        chances = softmax(x @ self.kernels[-1] + self.betas[-1])
        loss = -np.log(chances[np.arange(len(y)), y] + 1e-12).mean()
        return float(loss), float((chances.argmax(1) != y).mean())


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


if __name__ == "__main__":
    main()
