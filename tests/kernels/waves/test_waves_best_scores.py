"""Best scores of each stage, direction and span: the oracle's, and those of a scan that keeps everything."""

from __future__ import annotations

from pathlib import Path

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.errors import InvalidInputError
from kernels.waves import CLASS_NAMES, SPAN_BUCKETS, STAGES, ScanSettings, best_scores, cpu_best_scores
from kernels.waves.joint_cells import Cells
from kernels.waves.joint_search import best_of_bars
from kernels.waves.program import LENGTHS, QUANTITIES, RULE_AT, program
from kernels.waves.rules import HOLDS, closeness, verdict
from kernels.waves.score_bound import most_closeness
from kernels.waves.shared_rules import classes_left, shared_rules
from tests.kernels.waves.best_cells import ARRAYS, assert_like_the_oracle, assert_same_cells, best_of_scan, walks
from tests.kernels.waves.charts import EVERYTHING, SMALL_IMPULSE, TEXTBOOK, chart, wave

PRICES = Path(__file__).parents[4] / "shared" / "data" / "sp500_daily.parquet"


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.one_of(st.integers(60, 110), st.integers(1, 20)),
    decimals=st.sampled_from([None, 1, 0]),
    missing=st.integers(0, 3),
    max_skip=st.sampled_from([None, 1, 2, 4]),
    max_span=st.sampled_from([504, 60, 25, 6, 1]),
    directions=st.sampled_from([(1, -1), (-1, 1), (1,), (-1,)]),
    classes=st.sampled_from(
        [CLASS_NAMES, CLASS_NAMES[::-1], *((name,) for name in CLASS_NAMES), ("zigzag", "double_three", "impulse")]
    ),
    buckets=st.sampled_from([SPAN_BUCKETS, (1000,), (5,), (3, 4, 5, 40), tuple(range(1, 90))]),
)
def test_random_walks_with_plateaus_and_gaps(seed, count, decimals, missing, buckets, **options):
    low, high = walks(seed, 2, count, decimals=decimals, missing=missing)
    wanted = ScanSettings(**options)
    found = assert_like_the_oracle(low, high, wanted, buckets)
    assert_same_cells(found, best_of_scan(low, high, wanted, buckets))


def test_the_walks_hold_every_class_both_ways_in_several_buckets():
    low, high = walks(3, 8, 110)
    found = assert_like_the_oracle(low, high, buckets=(10, 30, 60, 200))
    confirmed = found.counts[:, : len(CLASS_NAMES)]
    assert (confirmed.sum(axis=(0, 3)) > 0).all()
    assert (found.counts.sum(axis=(0, 1, 2)) > 100).all()
    assert (np.isnan(found.score) == (found.counts == 0)).all()
    assert np.nanmin(found.score) >= 0
    assert np.nanmax(found.score) <= 1
    assert (found.candidates == confirmed.sum(axis=(1, 2, 3))).all()


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("name", TEXTBOOK)
def test_the_textbook_chart_of_every_class(name, direction):
    drawn = chart(TEXTBOOK[name], direction)
    low, high = drawn.low[None], drawn.high[None]
    found = assert_like_the_oracle(low, high)
    assert_same_cells(found, best_of_scan(low, high, ScanSettings(), SPAN_BUCKETS))
    assert found.counts[0, CLASS_NAMES.index(name), (1 - direction) // 2].any()


# No zigzag has the ends of the first: a diagonal with it inside is a leading one. The second's ends are a zigzag's too.
DEEP_IMPULSE = wave("impulse", 4, 4, 24, 24, 24, lengths=(1, 0.92, 19.92, 18.5, 19.5))
PLAIN_IMPULSE = wave("impulse", 12, 8, 24, 12, 24)


@pytest.mark.parametrize("inside", [DEEP_IMPULSE, PLAIN_IMPULSE], ids=["deep", "plain"])
@pytest.mark.parametrize("place", [0, 2])
def test_a_diagonal_with_an_impulse_inside_resolves_what_it_may(place, inside):
    slow_zigzag = wave("zigzag", 12, 8, 12)
    diagonal = wave("expanding_diagonal", *[slow_zigzag] * 4, inside, lengths=(1, 0.66, 1.4, 1.25, 1.45))
    parts = [SMALL_IMPULSE, slow_zigzag, SMALL_IMPULSE]
    parts[place] = diagonal
    drawn = chart(wave("zigzag", *parts))
    low, high = drawn.low[None], drawn.high[None]
    # A bucket for each span, so that few patterns share a cell.
    buckets = tuple(range(1, drawn.pivots[-1] - drawn.pivots[0] + 1))
    found = best_scores(low, high, buckets=buckets, backend="cpu")
    assert_same_cells(found, best_of_scan(low, high, ScanSettings(), buckets))
    assert found.counts[0, CLASS_NAMES.index("zigzag"), 0, -1] > 0


@pytest.mark.shared
@pytest.mark.skipif(not PRICES.exists(), reason="the shared prices aren't here")
def test_real_prices_have_the_scores_of_their_scan():
    import pyarrow.parquet as pq

    table = pq.read_table(PRICES, columns=["symbol", "low", "high"], filters=[("symbol", "in", ["AAPL", "KO", "XOM"])])
    symbol, low, high = (table[name].to_numpy() for name in table.column_names)
    low, high = (np.stack([prices[symbol == name][:504] for name in ("AAPL", "KO", "XOM")]) for prices in (low, high))
    found = best_scores(low, high, backend="cpu")
    assert_same_cells(found, best_of_scan(low, high, ScanSettings(), SPAN_BUCKETS))
    assert (found.candidates > 2000).all()
    assert (found.counts.sum(axis=(0, 1, 2)) > 100).all()


def test_a_span_belongs_to_the_first_bucket_whose_edge_it_does_not_pass():
    line = np.array([[3.0, 2.0, 4.0, 3.0, 5.0, 4.0]])
    for backend in ("naive", "cpu"):
        for buckets, expected in (((2, 3, 4), [0, 1, 0]), ((3,), [1]), ((4,), [1]), ((1, 2), [0, 0])):
            found = best_scores(line, line, buckets=buckets, backend=backend)
            zigzags = found.counts[0, CLASS_NAMES.index("zigzag")]
            assert zigzags.tolist() == [expected, [0] * len(buckets)]
            assert found.candidates.tolist() == [1]
            assert np.isfinite(found.score[:, : len(CLASS_NAMES)]).sum() == sum(expected)


def test_a_pattern_counts_from_the_bar_after_its_last_pivot():
    line = np.array([[3.0, 2.0, 4.0, 3.0, 5.0, 4.0, 3.5]])
    for backend in ("naive", "cpu"):
        assert [int(best_scores(line[:, :n], line[:, :n], backend=backend).candidates[0]) for n in (5, 6, 7)] == [
            0,
            1,
            1,
        ]


LINES = {
    "constant": np.full(40, 7.0),
    "rising": np.linspace(5, 50, 40),
    "sawtooth": 50 * np.exp(0.001 * np.arange(40) + 0.003 * (np.arange(40) % 2)),
    "falling sawtooth": 50 / np.exp(0.001 * np.arange(40) + 0.003 * (np.arange(40) % 2)),
    "two prices": np.where(np.arange(40) % 3 == 0, 5.0, 6.0),
    "all missing": np.full(40, np.nan),
    "extreme prices": np.exp(np.linspace(-600, 600, 40) + 40 * (np.arange(40) % 2)),
    "prices one unit in the last place apart": 100 + 1.5e-14 * (np.arange(40) % 4) + np.arange(40) // 4 * 1e-14,
    "one bar": np.array([3.0]),
    "no bar": np.empty(0),
}
HOLDING_PATTERNS = {
    "sawtooth",
    "falling sawtooth",
    "extreme prices",
    "prices one unit in the last place apart",
}
HOLDING_SETUPS = HOLDING_PATTERNS | {"two prices"}


@pytest.mark.parametrize("name", LINES)
def test_odd_series(name):
    line = LINES[name][None]
    found = assert_like_the_oracle(line, line, buckets=(10, 20))
    confirmed, setups = np.split(found.counts, [len(CLASS_NAMES)], axis=1)
    assert bool(confirmed.any()) == (name in HOLDING_PATTERNS)
    assert bool(setups.any()) == (name in HOLDING_SETUPS)
    assert not np.isnan(found.score[found.counts > 0]).any()


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_no_rows_give_empty_columns(backend):
    found = best_scores(np.empty((0, 9)), np.empty((0, 9)), backend=backend)
    assert found.score.shape == found.counts.shape == (0, len(STAGES), 2, len(SPAN_BUCKETS))
    assert found.candidates.shape == (0,)
    assert found.reason


def test_a_row_is_the_same_alone_in_any_order_and_on_any_number_of_threads():
    low, high = walks(11, 12, 150, missing=2)
    found = best_scores(low, high, backend="cpu")
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        assert_same_cells(best_scores(low, high, backend="cpu"), found)
    finally:
        numba.set_num_threads(threads)
    order = np.random.default_rng(1).permutation(len(low))
    shuffled = best_scores(low[order], high[order], backend="cpu")
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(shuffled, name), getattr(found, name)[order])
    for row in range(0, len(low), 5):
        alone = best_scores(low[row : row + 1], high[row : row + 1], backend="cpu")
        for name in ARRAYS:
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(found, name)[row])


def test_every_cell_is_written_whatever_was_there():
    low, high = walks(12, 2, 120)
    wanted = ScanSettings(classes=("impulse", "zigzag"), directions=(-1,))
    search = cpu_best_scores.cell_search(wanted, (20, 40), 120)
    shape = len(STAGES), 2, 3
    made = []
    for poison in (np.nan, -1.0, np.inf):
        cells = Cells(np.full(shape, poison), np.full(shape, 99, np.int64))
        assert best_of_bars(search, low[0], high[0], cells)
        made.append(cells)
        # What another series left behind changes nothing.
        assert best_of_bars(search, low[1], high[1], cells)
        assert best_of_bars(search, low[0], high[0], cells)
    for cells in made[1:]:
        np.testing.assert_array_equal(cells.best, made[0].best)
        np.testing.assert_array_equal(cells.counts, made[0].counts)
    asked = np.zeros(shape[:2], bool)
    asked[[stage.name in ("impulse", "zigzag") for stage in STAGES], 1] = True
    assert not made[0].counts[~asked].any()
    assert np.isnan(made[0].best[~asked]).all()
    assert made[0].counts[asked].any()


def test_the_shared_rules_decide_as_the_rules_of_each_class():
    rng = np.random.default_rng(5)
    rules, everything = shared_rules(), (1 << len(CLASS_NAMES)) - 1
    outcomes = set()
    for _ in range(3000):
        # Few different values, so that sides are often equal.
        quantity = rng.integers(1, 5, QUANTITIES) / rng.choice([1.0, 20.0])
        quantity[LENGTHS + 2] *= rng.choice([1.0, 0.9, 1.05])
        for pivot in range(1, 6):
            among = int(rng.integers(0, everything + 1))
            left, for_good = classes_left(rules.at, rules.rule, rules.factor, pivot, quantity, among)
            for index, (table, number) in enumerate(zip(*program(), strict=True)):
                state = verdict(table, number, pivot, quantity)
                expected = bool(among >> index & 1) and state == HOLDS
                assert bool(left >> index & 1) == expected
                if for_good >> index & 1 and among >> index & 1:
                    assert state != HOLDS
                    outcomes.add((index, pivot))
            assert left & ~among == 0
    decided = {
        (index, pivot)
        for index, row in enumerate(program().table)
        for pivot in range(1, 6)
        if row[RULE_AT + pivot] < row[RULE_AT + pivot + 1]
    }
    assert outcomes <= decided
    assert len(outcomes) > 10


def test_a_bound_is_never_below_what_it_bounds():
    for number in program().number:
        for index in range(3):
            ratios = np.concatenate([np.linspace(-3, 3, 400), [-700.0, 700.0, 0.0]])
            exact, bound = ([f(number, index, ratio) for ratio in ratios] for f in (closeness, most_closeness))
            assert (np.array(bound) >= np.array(exact)).all()
            assert (np.array(bound) <= 1).all()


LOW, HIGH = walks(30, 2, 60)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"buckets": ()}, "buckets of spans: expected a tuple of one edge or more"),
        ({"buckets": [21, 63]}, "buckets of spans: expected a tuple of one edge or more"),
        ({"buckets": (0, 21)}, "buckets of spans: expected an integer of 1 or more; got 0"),
        ({"buckets": (21.0,)}, "buckets of spans: expected an integer of 1 or more"),
        ({"buckets": (True, 2)}, "buckets of spans: expected an integer of 1 or more"),
        ({"buckets": (21, 21)}, "buckets of spans: expected edges that rise"),
        ({"buckets": (63, 21)}, "buckets of spans: expected edges that rise"),
        ({"backend": "fast"}, "backend of best_scores"),
    ],
)
def test_bad_arguments_are_refused(arguments, said):
    with pytest.raises(InvalidInputError, match=said):
        best_scores(LOW, HIGH, **arguments)


def test_bad_bars_are_refused_and_named():
    low = LOW.copy()
    low[1, 9] = 1e9
    with pytest.raises(InvalidInputError, match="bar 9 of row 1: expected low <= high"):
        best_scores(low, HIGH)
    with pytest.raises(InvalidInputError, match="2 axes"):
        best_scores(LOW[0], HIGH[0])


def test_a_series_with_too_many_prefixes_is_refused_and_named(monkeypatch):
    monkeypatch.setattr(cpu_best_scores, "MAX_VISITS", 20_000)
    line = np.array([LINES["sawtooth"], 50 * np.exp(0.003 * (np.arange(40) % 2))])
    rich = np.tile(line, 3)
    with pytest.raises(InvalidInputError, match=r"row 0: expected at most 20,000 prefixes.*max_span.*max_skip"):
        best_scores(rich, rich, backend="cpu")
    for remedy in ({"max_span": 8}, {"max_skip": 2}):
        assert best_scores(rich, rich, settings=ScanSettings(**remedy), backend="cpu").counts.any()


def test_the_input_is_left_as_it_was():
    kept = LOW.copy(), HIGH.copy()
    best_scores(LOW, HIGH, backend="cpu")
    np.testing.assert_array_equal(LOW, kept[0])
    np.testing.assert_array_equal(HIGH, kept[1])


def test_what_a_scan_keeps_does_not_matter():
    found = best_scores(LOW, HIGH, backend="cpu")
    for options in ({"top_n": 0}, {"setup_top_n": 0}, {"max_overlap": 0.0}):
        assert_same_cells(best_scores(LOW, HIGH, settings=ScanSettings(**options), backend="cpu"), found)
    assert_same_cells(best_scores(LOW, HIGH, settings=EVERYTHING, backend="cpu"), found)
