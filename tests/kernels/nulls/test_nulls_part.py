"""Rows and windows that are asked for by number have the counts of bars that hold nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from kernels.errors import InvalidInputError
from kernels.nulls import null_histograms

ROWS, BARS = 4, 40


def originals() -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, (ROWS, BARS)), axis=1))
    opened = close * np.exp(rng.normal(0, 0.01, close.shape))
    high, low = np.maximum(opened, close) * 1.01, np.minimum(opened, close) * 0.99
    return [opened, high, low, close]


def counts(bars: list[np.ndarray], keys: np.ndarray, backend: str = "cpu", **options) -> np.ndarray:
    asked = {"surrogates": 2, "null": "block", "seed": 7, "bins": 20, "buckets": (6, BARS)}
    return null_histograms(*bars, keys, **asked, backend=backend, **options).counts


@pytest.mark.parametrize("backend", ["cpu", "naive"])
@pytest.mark.parametrize(("rows", "window"), [([2, 0, 2], 25), (None, 25), ([3], None), ([], 7), ([1], 0)])
def test_a_part_has_the_counts_of_bars_of_its_own(backend, rows, window):
    bars = originals()
    places = list(range(ROWS)) if rows is None else rows
    own = [np.ascontiguousarray(values[places, BARS - (BARS if window is None else window) :]) for values in bars]
    keys = 10 + np.array(places, np.int64)
    asked = None if rows is None else np.array(rows, np.int64)
    found = counts(bars, keys, backend, rows=asked, window=window)
    assert found.tobytes() == counts(own, keys, backend).tobytes()
    assert (found[..., :-1].any()) == bool(places and window != 0)


def test_what_is_not_asked_for_is_not_looked_at():
    bars = originals()
    expected = counts(bars, np.array([1, 3]), rows=np.array([1, 3]), window=30)
    for values in bars:
        values[0], values[:, :10] = -1.0, np.inf
    assert counts(bars, np.array([1, 3]), rows=np.array([1, 3]), window=30).tobytes() == expected.tobytes()
    with pytest.raises(InvalidInputError, match="open"):
        counts(bars, np.array([1, 3]), rows=np.array([1, 3]), window=31)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rows": np.array([0, 4])}, "rows of null_histograms: expected a vector of int64 from 0 to 3; got .* 0 to 4"),
        ({"rows": np.array([-1])}, "got int64 of shape .*, -1 to -1"),
        ({"rows": np.array([0.0])}, "got float64"),
        ({"rows": np.array([[0]])}, "rows of null_histograms"),
        ({"window": 41}, "window of null_histograms: expected 40 or fewer: the sessions of the bars; got 41"),
        ({"window": -1}, "window of null_histograms"),
        ({"window": 2.5}, "window of null_histograms"),
    ],
)
def test_a_part_that_is_not_there_is_refused_in_words(options, words):
    with pytest.raises(InvalidInputError, match=words):
        counts(originals(), np.array([1]), **options)
