"""Training the keys of Tip-Adapter-F against torch's AdamW."""

from __future__ import annotations

import numpy as np
import pytest

from clipspect.heads.tip import TipConfig, tune_keys
from heads_fitting import LABELS, TAU, T, X


def test_one_step_of_training_is_one_step_of_adamw():
    torch = pytest.importorskip("torch")

    config = TipConfig(epochs=1, batch=100, lr=0.01, weight_decay=0.1)
    values, zero_shot, ones = np.eye(6)[LABELS], TAU * X @ T.T, np.ones(len(LABELS))
    keys = torch.nn.Parameter(torch.tensor(X))
    step = torch.optim.AdamW([keys], lr=0.01, eps=1e-4, weight_decay=0.1)
    affinity = torch.exp(-5.5 * (1 - torch.tensor(X) @ keys.T))
    logits = torch.tensor(zero_shot) + affinity @ torch.tensor(values)
    torch.nn.functional.cross_entropy(logits, torch.tensor(LABELS)).backward()
    step.step()
    tuned = tune_keys(X, values, zero_shot, LABELS, ones, config, np.random.default_rng(0))
    np.testing.assert_allclose(tuned, keys.detach().numpy(), atol=1e-6)
