"""Hit rate, turnover and exposure: by hand, against a plain loop, and bad input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.errors import InvalidInputError
from kernels.metrics import METRICS, exposure, hit_rate, turnover_252

NAN = float("nan")


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from([-2.0, 0.0, 0.5, 3.0])), max_size=30))
def test_hit_rate_is_the_share_of_profits_above_zero_in_any_order(trades: list[tuple[int, float]]) -> None:
    got = hit_rate([profit for _, profit in trades], [path for path, _ in trades], 5)
    for path in range(5):
        own = [profit for owner, profit in trades if owner == path]
        expected = sum(profit > 0 for profit in own) / len(own) if own else NAN
        assert got[path] == pytest.approx(expected, nan_ok=True)


def test_turnover_of_one_round_trip_of_everything_in_a_quarter_is_eight_a_year() -> None:
    got = turnover_252([2e4, 0.0, 5.0, 5.0, 5.0], [1e4, 1e4, 0.0, -3.0, 1e4], [63, 63, 63, 63, 0])
    np.testing.assert_allclose(got, [8.0, 0.0, NAN, NAN, NAN], rtol=1e-15)


def test_exposure_is_the_share_of_sessions_held() -> None:
    np.testing.assert_array_equal(exposure([0, 5, 10, 0], [10, 10, 10, 0]), [0.0, 0.5, 1.0, NAN])
    np.testing.assert_array_equal(exposure(np.array([3], dtype=np.int32), 4), [0.75])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hit_rate([1.0], [3], 3), "from 0 to 2; got 3 at position 0"),
        (lambda: hit_rate([1.0, 2.0], [0, -1], 3), "got -1 at position 1"),
        (lambda: hit_rate([NAN], [0], 3), "finite dollars; got nan"),
        (lambda: hit_rate([1.0], [0, 1], 3), "one length"),
        (lambda: hit_rate([1.0], [0.0], 3), "integers"),
        (lambda: turnover_252([-1.0], [1.0], [5]), "traded.*-1.0"),
        (lambda: turnover_252([1.0], [1.0], [-5]), "sessions.*-5"),
        (lambda: turnover_252([1.0, 2.0], [1.0, 2.0, 3.0], 5), "shapes \\(2,\\), \\(3,\\), \\(\\)"),
        (lambda: exposure([6], [5]), "got 6.0 at position 0"),
        (lambda: exposure([[1]], [5]), "one length"),
    ],
)
def test_bad_input_is_refused(call: object, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        call()


def test_the_metrics_are_named_once_each() -> None:
    assert len(set(METRICS)) == len(METRICS) == 9
