"""p-values and q-values mean what they say on series whose truth is known; benchmarks/null_calibration.py has more."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.null_calibration import (
    CONFIRMED,
    RATE,
    cell_p_values,
    cell_q_values,
    pool_of,
    surrogate_scores,
)
from benchmarks.planted_waves import (
    Bars,
    false_share,
    gjr_bars,
    market_bars,
    of_plants,
    plant,
    session_of,
)
from kernels.surrogates import NULLS
from kernels.waves import CLASS_NAMES, ScanSettings, best_scores, scan_origins

SESSIONS, LEVEL = 504, 0.05
COUNTED_MARKETS, TESTED_MARKETS, ROWS = range(12), range(100, 114), 150
SHARE = 0.1


def chance_share(p_value, rows_of_a_cluster=1):
    """The share of p <= .05 over confirmed cells, and its standard error over clusters of rows."""
    small = p_value[..., CONFIRMED, :, :] <= LEVEL
    by_cluster = small.reshape(len(small) // rows_of_a_cluster, -1).mean(axis=1)
    return by_cluster.mean(), by_cluster.std(ddof=1) / np.sqrt(len(by_cluster))


@pytest.fixture(scope="module")
def rows():
    """Independent rows without waves, with surrogates of each null that are not among the counted ones."""
    bars = gjr_bars(1, 80, SESSIONS)
    return {null: (pool_of(bars, null, 20).together, surrogate_scores(bars, null, 4)) for null in NULLS}


@pytest.fixture(scope="module")
def market_pool():
    """Ten thousand surrogates of rows of twelve markets."""
    made = [market_bars(seed, 20, SESSIONS) for seed in COUNTED_MARKETS]
    return pool_of(Bars(*(np.concatenate(fields) for fields in zip(*made, strict=True))), "block", 42).together


@pytest.fixture(scope="module")
def markets():
    """Other markets, and their best scores."""
    made = [market_bars(seed, ROWS, SESSIONS) for seed in TESTED_MARKETS]
    return [(bars, best_scores(bars.low, bars.high).score) for bars in made]


@pytest.fixture(scope="module")
def judged(market_pool, markets):
    """For clean and unclean plants: false shares, shares of plants with a small q and p, of all sessions."""
    found = {}
    for cleanliness in (0.4, 1.0):
        table = []
        for seed, (bars, score) in enumerate(markets):
            session = session_of(bars, score, share=SHARE, cleanliness=cleanliness, seed=seed)
            p_value = cell_p_values(market_pool, session.score)[:, CONFIRMED]
            q_value = cell_q_values(p_value)
            small = of_plants(session, q_value) <= RATE, of_plants(session, p_value) <= LEVEL
            table.append((false_share(session, q_value <= RATE), small[0].mean(), small[1].mean()))
        found[cleanliness] = np.array(table).T
    return found


@pytest.mark.parametrize("counted", NULLS)
@pytest.mark.parametrize("tested", NULLS)
def test_surrogates_of_one_null_look_like_chance_to_another(rows, counted, tested):
    share, error = chance_share(cell_p_values(rows[counted][0], rows[tested][1]))
    assert error < 0.004
    assert 0.04 < share < 0.06


def test_series_with_more_to_find_than_surrogates_do_not_look_like_chance(rows):
    pool, score = rows["block"]
    share, _ = chance_share(cell_p_values(pool, np.fmax(score[:, :2], score[:, 2:])))
    assert share > 0.08


def test_simulated_markets_look_like_chance(market_pool, markets):
    p_value = cell_p_values(market_pool, np.concatenate([score for _, score in markets]))
    share, error = chance_share(p_value, ROWS)
    assert error < 0.004
    assert 0.04 < share < 0.06


def test_clean_planted_waves_are_found_at_the_promised_rate_of_false_discoveries(judged):
    false, by_q, by_p = judged[1.0]
    assert by_q.mean() > 0.8
    assert by_p.mean() > 0.95
    error = false.std(ddof=1) / np.sqrt(len(false))
    assert 0.0 < error < 0.03
    assert false.mean() <= RATE + 2 * error


def test_waves_in_more_noise_than_wave_are_not_found(judged):
    _, by_q, by_p = judged[0.4]
    assert by_q.mean() < 0.02
    assert by_p.mean() < 0.2


def test_without_waves_few_sessions_have_a_discovery(market_pool, markets):
    q_values = [cell_q_values(cell_p_values(market_pool, score)[:, CONFIRMED]) for _, score in markets]
    # 14 sessions, of which one in ten may: 5 or more in one run of a hundred.
    assert sum((q_value <= RATE).any() for q_value in q_values) < 5


def test_clean_plants_are_impulses_with_all_legs_resolved_and_high_scores():
    background = gjr_bars(2, 20, SESSIONS)
    bars, plants = plant(background, share=1.0, cleanliness=1.0, seed=3)
    settings = ScanSettings(top_n=100_000, max_overlap=1.0, setup_top_n=0)
    count = len(plants.row)
    last = np.full(count, SESSIONS - 1)
    patterns = scan_origins(bars.low, bars.high, plants.row, last, last + 1, settings=settings).patterns
    impulses = patterns.class_index == CLASS_NAMES.index("impulse")
    for row, direction, pivots in zip(*plants, strict=True):
        own = impulses & (patterns.series == row) & (patterns.direction == direction)
        place = np.flatnonzero(own & (patterns.pivots == pivots).all(axis=1))
        assert place.size == 1
        assert patterns.score[place] > 0.8
        assert (patterns.resolution[place] == 1).all()
    spans = plants.pivots[:, -1] - plants.pivots[:, 0]
    assert ((spans >= 200) & (spans <= 300)).all()
    assert (plants.pivots[:, -1] < SESSIONS - 8).all()
    assert set(plants.direction) == {-1, 1}


@pytest.mark.parametrize("cleanliness", [0.0, 0.3, 1.0])
def test_planted_bars_are_bars_and_other_rows_stay_as_they_are(cleanliness):
    background = market_bars(4, 30, SESSIONS)
    bars, plants = plant(background, share=0.2, cleanliness=cleanliness, seed=5)
    for made in (background, bars, gjr_bars(4, 30, SESSIONS)):
        assert (made.high >= np.maximum(made.open, made.close)).all()
        assert (made.low <= np.minimum(made.open, made.close)).all()
        assert (made.low > 0).all()
    assert len(plants.row) == 6
    others = np.setdiff1d(np.arange(30), plants.row)
    for new, old in zip(bars, background, strict=True):
        np.testing.assert_allclose(new[others], old[others], rtol=1e-10)
        assert np.allclose(new[plants.row], old[plants.row], rtol=1e-10) == (cleanliness == 0.0)
    returns, before = (np.diff(np.log(made.close[plants.row]), axis=1).std(axis=1) for made in (bars, background))
    np.testing.assert_allclose(returns, before, rtol=0.25)


def test_the_seed_decides_everything():
    background = gjr_bars(6, 12, SESSIONS)
    first, again, other = (plant(background, share=0.5, cleanliness=0.7, seed=seed) for seed in (1, 1, 2))
    cleaner = plant(background, share=0.5, cleanliness=0.9, seed=1)
    for field in range(3):
        np.testing.assert_array_equal(first[1][field], again[1][field])
        np.testing.assert_array_equal(first[1][field], cleaner[1][field])
    np.testing.assert_array_equal(np.stack(first[0]), np.stack(again[0]))
    assert (first[1].pivots != other[1].pivots).any()
    for made in (gjr_bars, market_bars):
        np.testing.assert_array_equal(np.stack(made(7, 3, 60)), np.stack(made(7, 3, 60)))
        assert (np.stack(made(7, 3, 60)) != np.stack(made(8, 3, 60))).any()
