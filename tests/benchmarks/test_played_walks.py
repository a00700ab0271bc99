"""Random walks played by the simulator: what is known of them without playing."""

import numpy as np

from benchmarks.played_walks import played_quantiles
from kernels.action_values import Terms
from kernels.trading.model import FREE
from kernels.volatility import DEFAULT_LEVELS
from tests.action_rows import LOOKBACK, long_batch, random_panel

TERMS = Terms(LOOKBACK, 20, FREE)


def test_without_levels_and_costs_the_outcome_is_that_of_the_walk():
    panel = random_panel(3, 4, 40)
    rows = np.arange(4, dtype=np.int32)
    batch = {name: each.numpy() for name, each in long_batch(panel, rows, np.full(4, 20, dtype=np.int32)).items()}
    made = played_quantiles(batch, TERMS, 2.0, DEFAULT_LEVELS)
    close = np.log(batch["window"][:, :, 3].astype(np.float64))
    deviation = np.sqrt((np.diff(close, axis=1) ** 2).mean(axis=1) * 20)
    # Half of the equity: between the 10 % and the 90 % quantile lie 2.56 deviations of it.
    np.testing.assert_allclose((made[:, 7] - made[:, 3]) / (0.5 * 2.563 * deviation), 1.0, atol=0.25)
    np.testing.assert_array_equal(played_quantiles(batch, TERMS, 2.0, DEFAULT_LEVELS), made)


def test_an_account_without_legs_stays_as_it_is():
    panel = random_panel(3, 2, 40)
    rows = np.arange(2, dtype=np.int32)
    batch = {name: each.numpy() for name, each in long_batch(panel, rows, np.full(2, 20, dtype=np.int32)).items()}
    batch["action"][:, 1:3] = 0.0
    np.testing.assert_array_equal(played_quantiles(batch, TERMS, 2.0, DEFAULT_LEVELS), 0.0)
