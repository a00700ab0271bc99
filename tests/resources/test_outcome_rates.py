"""Rates are counted from what counts, in the groups that are said; the text and the picture show the same numbers."""

import io
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from kernels.errors import InvalidInputError
from kernels.outcomes import HORIZONS, INVALIDATION, MISSED, NEITHER, TARGET, UNKNOWN, shares
from kernels.waves import CLASS_NAMES, stage_index
from resources.contracts import PATTERN_OUTCOME_RATES
from resources.outcome_plots import PATTERNS, RANDOM, SURROGATES, outcome_plots, reliability
from resources.outcome_rates import LAGS_OF_OVERLAP, TENTHS, rates_markdown, rates_table
from resources.outcome_tables import OutcomeRows

LONG = HORIZONS[-1]


def stage_of(name: str, legs: int) -> int:
    return int(stage_index(np.array(CLASS_NAMES.index(name)), np.array(legs)))


def rows_of(count: int, **columns: Any) -> OutcomeRows:
    """Confirmed zigzags on prices that all count and reach their target, one a session; `columns` say what differs."""
    values = {
        "market": True,
        "session": np.arange(4300, 4300 + count),
        "symbol": 0,
        "stage": stage_of("zigzag", 3),
        "degree": 0,
        "side": 1,
        "score": 0.5,
        "p_value": np.nan,
        "counted": True,
        **columns,
    }
    types = {"market": bool, "counted": bool, "degree": np.int8, "side": np.int8, "score": float, "p_value": float}
    made = {
        name: np.ascontiguousarray(np.broadcast_to(value, (count,)), dtype=types.get(name, np.int32))
        for name, value in values.items()
        if name not in ("result", "relative", "matched_target", "matched_relative")
    }
    for name, default in (("result", TARGET), ("relative", 0.0), ("matched_target", 0.0), ("matched_relative", 0.0)):
        value = np.asarray(columns.get(name, default))
        value = value[:, np.newaxis] if value.ndim else value
        dtype = np.int8 if name == "result" else float
        made[name] = np.ascontiguousarray(np.broadcast_to(value, (count, len(HORIZONS))), dtype=dtype)
    return OutcomeRows(symbols=("A",), **made)


def rates_of(rows: OutcomeRows, every: OutcomeRows | None = None) -> pa.Table:
    table = rates_table(2017, rows, rows if every is None else every)
    PATTERN_OUTCOME_RATES.enforce(table, "2017")
    return table


def rate(table: pa.Table, **wanted: Any) -> dict[str, Any]:
    """The one row of these values; of the whole year, confirmed, by all, the longest horizon, if they don't say."""
    wanted = {"through": "year", "status": "confirmed", "by": "all", "horizon": LONG, "measure": "target"} | wanted
    [row] = [row for row in table.to_pylist() if all(row[name] == value for name, value in wanted.items())]
    return row


def groups(table: pa.Table, by: str, name: str = "entries") -> dict[str, Any]:
    return {
        row["group"]: row[name]
        for row in table.to_pylist()
        if (row["through"], row["by"], row["horizon"], row["measure"]) == ("year", by, LONG, "target")
    }


def test_target_is_the_share_of_decided_and_counted_entries_that_touch_it_first() -> None:
    result = [TARGET, TARGET, NEITHER, INVALIDATION, MISSED, UNKNOWN, TARGET, TARGET]
    counted = [True] * 7 + [False]
    relative = [0.1, 0.2, np.nan, 0.3, 9.0, 9.0, -0.2, 9.0]
    table = rates_of(rows_of(8, result=result, counted=counted, relative=relative, session=[0, 0, 0, 1, 1, 1, 2, 3]))
    found = rate(table)
    assert (found["entries"], found["sessions"], found["patterns"]) == (5, 3, 3 / 5)
    found = rate(table, measure="relative")
    assert (found["entries"], found["patterns"]) == (4, pytest.approx(0.1))
    assert found["surrogate_entries"] == 0
    assert found["surrogates"] is None


def test_the_difference_is_that_of_the_pairs() -> None:
    result, matched = [TARGET, NEITHER, TARGET, TARGET], [0.25, 0.5, np.nan, 0.5]
    table = rates_of(rows_of(4, result=result, matched_target=matched, relative=0.04, matched_relative=0.01))
    assert rate(table)["patterns"] == 0.75
    assert rate(table)["difference"] == pytest.approx((0.75 - 0.5 + 0.5) / 3)
    assert rate(table, measure="relative")["difference"] == pytest.approx(0.03)


def test_surrogates_stand_beside_the_patterns_of_their_group() -> None:
    market = [True] * 4 + [False] * 4
    result = [TARGET, NEITHER, NEITHER, NEITHER, TARGET, TARGET, TARGET, NEITHER]
    degree = [0, 0, 0, 1, 0, 0, 2, 2]
    table = rates_of(rows_of(8, market=market, result=result, degree=degree, matched_target=np.nan))
    found = rate(table)
    assert (found["patterns"], found["surrogates"]) == (0.25, 0.75)
    assert (found["entries"], found["surrogate_entries"], found["difference"]) == (4, 4, None)
    assert groups(table, "degree", "patterns") == {"0": 1 / 3, "1": 0.0, "2": None}
    assert groups(table, "degree", "surrogates") == {"0": 1.0, "1": None, "2": 0.5}


def test_intervals_are_those_of_the_kernel_for_horizons_that_overlap() -> None:
    rng = np.random.default_rng(3)
    count = 3000
    session = np.sort(rng.integers(4300, 4800, count))
    result = np.where(rng.random(count) < 0.4, TARGET, INVALIDATION)
    stage = rng.choice([stage_of("zigzag", 3), stage_of("impulse", 5)], count)
    table = rates_of(rows_of(count, session=session, result=result, stage=stage))
    for horizon in HORIZONS:
        expected = shares(
            (session - session.min()).astype(np.int32),
            (stage == stage_of("impulse", 5)).astype(np.int32),
            2,
            (result == TARGET).astype(float),
            session_count=500,
            lags=LAGS_OF_OVERLAP * (horizon - 1),
        )
        for index, name in enumerate(("zigzag", "impulse")):
            found = rate(table, by="class", group=name, horizon=horizon)
            assert (found["entries"], found["sessions"]) == (expected.count[index], expected.sessions[index])
            bounds = [found[f"patterns{bound}"] for bound in ("", "_low", "_high")]
            assert bounds == [expected.mean[index], expected.low[index], expected.high[index]]
            assert bounds[1] < bounds[0] < bounds[2]


def test_confirmed_patterns_and_setups_are_apart() -> None:
    stage = [stage_of("impulse", 5), stage_of("impulse", 4), stage_of("impulse", 2), stage_of("zigzag", 2)]
    table = rates_of(rows_of(4, stage=stage, result=[TARGET, TARGET, NEITHER, NEITHER]))
    assert rate(table)["entries"] == 1
    assert (rate(table, status="setup")["entries"], rate(table, status="setup")["patterns"]) == (3, 1 / 3)
    assert rate(table, status="setup", by="class", group="impulse")["patterns"] == 0.5


def test_the_tenths_of_scores_are_those_of_the_counted_patterns_on_prices() -> None:
    scores = np.r_[np.arange(100) / 100, np.full(50, 0.095), 0.0, 1.0]
    market = np.arange(len(scores)) < 100
    counted = np.ones(len(scores), dtype=bool)
    table = rates_of(rows_of(len(scores), score=scores, market=market, counted=counted))
    assert groups(table, "score") == dict.fromkeys(TENTHS, 10)
    assert groups(table, "score", "surrogate_entries") == {"1": 51, "10": 1} | dict.fromkeys(TENTHS[1:9], 0)
    # The upper half alone has other tenths.
    upper = rates_of(rows_of(len(scores), score=scores, market=market, counted=counted & (scores >= 0.5)))
    assert groups(upper, "score") == dict.fromkeys(TENTHS, 5)


def test_the_tenths_of_p_values_go_up_to_their_ends_and_those_without_one_are_left_out() -> None:
    p_value = [0.001, 0.1, 0.1001, 0.2, 0.3, 0.7, 0.7001, 1.0, np.nan]
    table = rates_of(rows_of(9, p_value=p_value))
    assert groups(table, "p_value") == {"1": 2, "2": 2, "3": 1, "7": 1, "8": 1, "10": 1}
    assert rate(table)["entries"] == 9


def test_surrogates_alone_have_rates_but_no_tenths_of_scores() -> None:
    table = rates_of(rows_of(3, market=False))
    assert (rate(table)["entries"], rate(table)["surrogates"]) == (0, 1.0)
    assert groups(table, "score") == {}


def test_all_years_stand_beside_the_year() -> None:
    table = rates_of(rows_of(2), rows_of(6, result=[TARGET] * 2 + [NEITHER] * 4))
    assert (rate(table)["patterns"], rate(table, through="all")["patterns"]) == (1.0, 1 / 3)
    assert set(table["year"].to_pylist()) == {2017}


def test_rows_are_in_the_order_of_the_key() -> None:
    table = rates_of(rows_of(40, score=np.arange(40) / 40, p_value=np.arange(40) / 40 + 0.01))
    keys = [tuple(row[name] for name in PATTERN_OUTCOME_RATES.key) for row in table.slice(0, 12).to_pylist()]
    common = ("year", "confirmed")
    measures = [(horizon, measure) for horizon in HORIZONS for measure in ("target", "relative")]
    expected = [
        (by, group, *each) for by, group in (("all", "all"), ("class", "zigzag"), ("degree", "0")) for each in measures
    ]
    assert keys == [(*common, *each) for each in expected]
    assert table.to_pylist()[12]["group"] == "1"


@pytest.mark.parametrize("rows", [rows_of(0), rows_of(3, counted=False), rows_of(3, result=UNKNOWN)])
def test_nothing_that_counts_has_no_rates_and_says_so(rows: OutcomeRows) -> None:
    table = rates_of(rows)
    assert table.num_rows == 0
    assert rates_markdown(table) == "No entry counts yet."
    with pytest.raises(InvalidInputError, match="at least one row"):
        outcome_plots(table)


@cache
def wide_rates() -> pa.Table:
    """Rates of two years of many patterns and surrogates of both statuses."""
    rng = np.random.default_rng(2)
    count = 20_000
    score, market = rng.random(count), rng.random(count) < 0.5
    result = np.where(rng.random(count) < 0.3 + 0.3 * score * market, TARGET, INVALIDATION)
    columns = {
        "session": np.sort(rng.integers(4000, 5260, count)),
        "stage": rng.choice([stage_of("zigzag", 3), stage_of("impulse", 2)], count),
        "result": result,
        "relative": 0.1 * rng.standard_normal(count),
        "matched_target": 0.3,
    }
    rows = rows_of(count, score=score, p_value=1.0 - 0.999 * score, market=market, **columns)
    return rates_of(rows)


def test_the_text_has_a_line_for_each_status_measure_and_horizon() -> None:
    table = wide_rates()
    text = rates_markdown(table)
    assert text.count("**this year**") == 1
    # All years are the year alone.
    assert "all years" not in text
    lines = [line for line in text.splitlines() if line.startswith(("| confirmed", "| setup"))]
    assert len(lines) == 8
    found = rate(table, horizon=HORIZONS[0])
    cells = [cell.strip() for cell in lines[0].strip("|").split("|")]
    assert cells[:4] == ["confirmed", "target first", "21", f"{found['entries']:,}"]
    values = [f"{100 * found[f'patterns{bound}']:.2f}" for bound in ("", "_low", "_high")]
    assert cells[4] == f"{values[0]} ({values[1]} to {values[2]})"
    assert cells[5].startswith(f"{100 * found['difference']:+.2f} (")


def test_the_text_tells_all_years_where_they_are_more() -> None:
    text = rates_markdown(rates_of(rows_of(2), rows_of(6)))
    assert "**all years through this one**" in text
    # Two sessions are too few for an interval, and nothing stands beside them.
    assert "| confirmed | target first | 21 | 2 | 100.00 | +100.00 | - |" in text


def pixels(picture: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)


def shown(picture: bytes, colour: str) -> int:
    """How many pixels have about this colour."""
    wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return int((np.abs(pixels(picture) - wanted).max(axis=2) < 16).sum())


def test_the_picture_is_small_the_same_for_the_same_rates_and_shows_all_three() -> None:
    table = wide_rates()
    picture = outcome_plots(table)
    assert picture.startswith(b"\x89PNG")
    # As text in the metadata it takes a third more.
    assert len(picture) < 75_000
    assert pixels(picture).shape[1] == 900
    assert (pixels(picture)[0, 0] == 255).all()
    for colour in (PATTERNS, RANDOM, SURROGATES):
        assert shown(picture, colour) > 200
    assert outcome_plots(table) == picture


def test_little_to_show_is_still_a_picture() -> None:
    picture = outcome_plots(rates_of(rows_of(3, matched_target=np.nan)))
    assert pixels(picture).shape[1] == 900
    assert shown(picture, PATTERNS) > 20


def test_reliability_is_in_percent_and_random_entries_are_what_the_difference_leaves() -> None:
    cells = [{"patterns": 0.5, "patterns_low": 0.4, "patterns_high": 0.6, "difference": 0.125}, {}]
    np.testing.assert_allclose(reliability(cells, "patterns"), [[50.0, np.nan], [40.0, np.nan], [60.0, np.nan]])
    np.testing.assert_allclose(reliability(cells, "random")[0], [37.5, np.nan])
    assert np.isnan(reliability(cells, "random")[1:]).all()
