"""The update rules against torch.optim: random gradients, and a step size that changes.

Gradients lie around epsilon, so that its place decides, and the step size falls to a
fifth on the way, so that it decides where it multiplies. Everything is in float64.
"""

import numpy as np
import pytest
import torch

from companion.optimizers import (
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    AdaMax,
    AdamW,
    AMSGrad,
    Momentum,
    Nadam,
    Nesterov,
    RMSProp,
)

EPSILON = 1e-3
BETAS = {"beta_1": 0.8, "beta_2": 0.95, "epsilon": EPSILON}
TORCH = {"lr": 0.1, "betas": (0.8, 0.95), "eps": EPSILON}
SQUARE = {"lr": 0.1, "alpha": 0.8, "eps": EPSILON}
START = np.random.default_rng(0).normal(size=(3, 4))
GRADIENTS = np.random.default_rng(1).normal(size=(30, 3, 4)) * np.logspace(-5, 0, 4)

ROWS = {  # rule: ours, torch's class and its arguments
    "SGD": (SGD(0.1), torch.optim.SGD, {"lr": 0.1}),
    "Momentum": (
        Momentum(0.1, 0.8, alpha_outside=True),
        torch.optim.SGD,
        {"lr": 0.1, "momentum": 0.8},
    ),
    "Nesterov": (
        Nesterov(0.1, 0.8, alpha_outside=True),
        torch.optim.SGD,
        {"lr": 0.1, "momentum": 0.8, "nesterov": True},
    ),
    "AdaGrad": (
        AdaGrad(0.1, EPSILON, initial_accumulator=1e-6),
        torch.optim.Adagrad,
        {"lr": 0.1, "eps": EPSILON, "initial_accumulator_value": 1e-6},
    ),
    "AdaDelta": (
        AdaDelta(0.1, 0.8, EPSILON),
        torch.optim.Adadelta,
        {"lr": 0.1, "rho": 0.8, "eps": EPSILON},
    ),
    "RMSProp": (RMSProp(0.1, 0.8, EPSILON), torch.optim.RMSprop, SQUARE),
    "RMSProp, centered": (
        RMSProp(0.1, 0.8, EPSILON, centered=True),
        torch.optim.RMSprop,
        {**SQUARE, "centered": True},
    ),
    "Adam": (Adam(0.1, **BETAS), torch.optim.Adam, TORCH),
    "AdaMax": (AdaMax(0.1, **BETAS, epsilon_inside=True), torch.optim.Adamax, TORCH),
    "Nadam": (Nadam(0.1, **BETAS), torch.optim.NAdam, TORCH),
    "AMSGrad": (
        AMSGrad(0.1, **BETAS, bias_correction=True),
        torch.optim.Adam,
        {**TORCH, "amsgrad": True},
    ),
    "AdamW": (
        AdamW(0.1, **BETAS, lambda_=0.1 * 0.3),
        torch.optim.AdamW,
        {**TORCH, "weight_decay": 0.3},
    ),
}


def slower(rule):
    for name in ("alpha", "lambda_"):
        if hasattr(rule, name):
            setattr(rule, name, getattr(rule, name) / 5)


@pytest.fixture(autouse=True)
def float64():
    """NAdam keeps the product of its schedule in the default dtype."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", ROWS)
def test_equals_torch(name):
    rule, optimizer, arguments = ROWS[name]
    parameter = torch.nn.Parameter(torch.from_numpy(START.copy()))
    optimizer = optimizer([parameter], **arguments)
    theta = START
    for number, gradient in enumerate(GRADIENTS):
        if number == 15:
            slower(rule)
            optimizer.param_groups[0]["lr"] /= 5
        parameter.grad = torch.from_numpy(gradient.copy())
        optimizer.step()
        theta = rule.step(theta, gradient)
        expected = parameter.detach().numpy()
        np.testing.assert_allclose(theta, expected, rtol=1e-12, atol=1e-14)
