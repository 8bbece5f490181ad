from __future__ import annotations

import numpy as np

from clipspect.encode.fake import FakeEncoder
from tiny_encoders import photo

ROW = [0.18097058, -0.35963321, 0.24112898]
TEXT = [-0.06960998, 0.08236017, 0.20328614]


def test_its_numbers_never_change():
    rows = FakeEncoder().encode_images([photo(20, 30)])
    text = FakeEncoder().encode_texts(["a blocked drain"])
    assert rows.shape == (1, 64) and text.shape == (1, 32)
    np.testing.assert_allclose(rows[0, :3], ROW, atol=1e-6)
    np.testing.assert_allclose(text[0, :3], TEXT, atol=1e-6)


def test_conditions_that_differ_in_colour_can_be_told_apart_by_a_linear_head():
    rng = np.random.default_rng(0)
    images, labels = [], []
    for i in range(120):
        label = i % 3
        image = rng.integers(60, 200, (24, 40, 3)).astype(np.uint8)
        if label:  # a dark or a green patch somewhere
            y, x = rng.integers(0, 12), rng.integers(0, 20)
            image[y : y + 12, x : x + 20] = (10, 10, 10) if label == 1 else (40, 180, 40)
        images.append(image)
        labels.append(label)
    features = FakeEncoder().encode_images(images)
    table = np.column_stack([features, np.ones(len(features))]).astype(np.float64)
    targets = np.eye(3)[labels]
    # ridge: a linear head without scikit-learn
    weights = np.linalg.solve(table[:80].T @ table[:80] + 1e-3 * np.eye(65), table[:80].T @ targets[:80])
    accuracy = ((table[80:] @ weights).argmax(axis=1) == np.asarray(labels[80:])).mean()
    assert accuracy > 0.85


def test_texts_with_more_words_in_common_are_closer():
    a, b, c = FakeEncoder().encode_texts(["a blocked drain", "the Blocked drain!", "rust on steel"])
    assert a @ b > 0.5 > a @ c


def test_other_settings_are_another_encoder():
    assert len({FakeEncoder().id, FakeEncoder(dim=32).id, FakeEncoder(seed=1).id}) == 3
    assert FakeEncoder(dim=32).encode_images([photo(9, 9)]).shape == (1, 32)
