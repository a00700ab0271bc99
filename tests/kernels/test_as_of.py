"""Examples first, then properties on random splits, gaps and quarantine, against an oracle written from the words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.as_of import Adjust, AsOfRows, PriceHistory, as_of_dividends, as_of_panel, as_of_rows, origins
from kernels.errors import InvalidInputError
from kernels.panel import BAR_FIELDS, PricePanel

PRICES = ("open", "high", "low", "close")
Entries = list[tuple[int, int, int]]


def _history(
    closes: Any,
    /,
    *,
    splits: dict[tuple[int, int], float] | None = None,
    quarantined: Entries | None = None,
    **fields: Any,
) -> PriceHistory:
    """A history with open = low = close and high a little above it, 1000 shares, and `fields` instead of these."""
    closes = np.array(closes, dtype=np.float64)
    ratio = np.ones(closes.shape)
    for place, value in (splits or {}).items():
        ratio[place] = value
    volume = np.where(np.isfinite(closes), 1000.0, np.nan)
    bars = {"open": closes, "high": closes * 1.25, "low": closes, "close": closes, "volume": volume}
    return PriceHistory(
        symbols=tuple(f"S{index}" for index in range(len(closes))),
        sessions=np.datetime64("2018-01-01") + np.arange(closes.shape[1]),
        **{name: np.array(fields.get(name, values), dtype=np.float64) for name, values in bars.items()},
        split_ratio=ratio,
        dividend=np.array(fields.get("dividend", np.zeros(closes.shape))),
        present=np.isfinite(closes),
        quarantined=np.array(quarantined or [], dtype=np.int32).reshape(-1, 3),
    )


def _known_by(history: PriceHistory, day: int) -> PriceHistory:
    """The history that a lake would give at the close of session `day`."""
    cut = {
        name: np.ascontiguousarray(getattr(history, name)[:, : day + 1])
        for name in (*BAR_FIELDS, "split_ratio", "dividend", "present")
    }
    entries = history.quarantined
    return replace(history, sessions=history.sessions[: day + 1], quarantined=entries[entries[:, 2] <= day], **cut)


def _same(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> bool:
    return first.shape == second.shape and first.tobytes() == second.tobytes()


def _oracle(history: PriceHistory, symbol: int, day: int, adjust: Adjust) -> npt.NDArray[np.float64]:
    """Bars 0..day of one symbol, [5, day + 1], from the words: faulty, incomplete, later splits."""
    seen = np.full((5, day + 1), np.nan)
    for bar in range(day + 1):
        values = [getattr(history, name)[symbol, bar] for name in BAR_FIELDS]
        faulty = any((symbol, bar) == (s, b) and known <= day for s, b, known in history.quarantined.tolist())
        if faulty or not np.isfinite(values[:4]).all():
            continue
        ratio = 1.0
        if adjust == "splits":
            for later in range(day, bar, -1):
                ratio *= history.split_ratio[symbol, later]
        open_, high, low, close = (value / ratio for value in values[:4])
        seen[:, bar] = open_, max(open_, high, low, close), min(open_, high, low, close), close, values[4] * ratio
    return seen


def _row_at(rows: AsOfRows, symbol: int, day: int) -> npt.NDArray[np.float64]:
    row = np.flatnonzero((rows.symbol == symbol) & (rows.first <= day) & (day <= rows.last))
    assert len(row) == 1
    return np.stack([getattr(rows, name)[row[0], : day + 1] for name in BAR_FIELDS])


def _panel_row(panel: PricePanel, symbol: int) -> npt.NDArray[np.float64]:
    return np.stack([getattr(panel, name)[symbol] for name in BAR_FIELDS])


@st.composite
def histories(draw: st.DrawFn) -> PriceHistory:
    """Random bars with gaps, null fields, splits, and quarantine known at once, later, or after the last session."""
    symbols, sessions = draw(st.integers(1, 3)), draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    prices = rng.uniform(1.0, 500.0, (4, symbols, sessions))
    places = st.tuples(st.integers(0, symbols - 1), st.integers(0, sessions - 1))
    holes = st.tuples(places, st.sampled_from([*BAR_FIELDS, "all"]), st.sampled_from([np.nan, np.inf]))
    fields = dict(zip(PRICES, prices, strict=True)) | {"volume": rng.uniform(0.0, 1e6, (symbols, sessions))}
    for place, name, value in draw(st.lists(holes, max_size=5)):
        for each in BAR_FIELDS if name == "all" else (name,):
            fields[each][place] = value if each in PRICES else np.nan
    ratios = st.sampled_from([2.0, 3.0, 1.5, 0.1, 7.0 / 3.0, 1.0 / 30.0])
    entries = [
        (symbol, bar, draw(st.integers(bar, sessions - 1))) for symbol, bar in draw(st.lists(places, max_size=6))
    ]
    return _history(prices[3], splits=draw(st.dictionaries(places, ratios, max_size=5)), quarantined=entries, **fields)


def test_a_3_to_1_split_divides_the_earlier_prices_by_3_and_multiplies_the_volume() -> None:
    panel = as_of_panel(_history([[300.0, 330.0, 111.0, 112.0]], splits={(0, 2): 3.0}))
    assert panel.close.tolist() == [[100.0, 110.0, 111.0, 112.0]]
    assert panel.high.tolist() == [[125.0, 137.5, 138.75, 140.0]]
    assert panel.volume.tolist() == [[3000.0, 3000.0, 1000.0, 1000.0]]


def test_a_reverse_split_raises_the_earlier_prices() -> None:
    panel = as_of_panel(_history([[2.0, 20.0]], splits={(0, 1): 0.125}))
    assert panel.close.tolist() == [[16.0, 20.0]]
    assert panel.volume.tolist() == [[125.0, 1000.0]]


def test_two_splits_multiply_for_the_bars_before_both() -> None:
    panel = as_of_panel(_history([[600.0, 200.0, 100.0]], splits={(0, 1): 3.0, (0, 2): 2.0}))
    assert panel.close.tolist() == [[100.0, 100.0, 100.0]]
    assert panel.volume.tolist() == [[6000.0, 2000.0, 1000.0]]


def test_a_dividend_is_divided_by_the_splits_after_its_own_session() -> None:
    dividend = [[0.0, 3.0, 6.0, 1.0], [np.nan, 2.0, np.nan, np.nan]]
    history = _history([[30.0, 30.0, 10.0, 10.0]] * 2, splits={(0, 2): 3.0}, dividend=dividend)
    assert as_of_dividends(history).tolist() == [[0.0, 1.0, 6.0, 1.0], [0.0, 2.0, 0.0, 0.0]]
    assert np.isnan(history.dividend[1, 0])


def test_a_split_is_applied_from_its_own_session_on_and_not_before() -> None:
    history = _history([[300.0, 330.0, 111.0, 112.0]], splits={(0, 2): 3.0})
    rows = as_of_rows(history, 0, 3)
    assert _row_at(rows, 0, 1)[3].tolist() == [300.0, 330.0]
    assert _row_at(rows, 0, 2)[3].tolist() == [100.0, 110.0, 111.0]


def test_a_split_touches_its_own_symbol_only() -> None:
    panel = as_of_panel(_history([[300.0, 100.0], [50.0, 51.0]], splits={(0, 1): 3.0}))
    assert panel.close[1].tolist() == [50.0, 51.0]
    assert panel.volume[1].tolist() == [1000.0, 1000.0]


def test_a_split_of_the_first_session_has_nothing_to_adjust() -> None:
    assert as_of_panel(_history([[300.0, 310.0]], splits={(0, 0): 3.0})).close.tolist() == [[300.0, 310.0]]


def test_a_split_on_a_session_without_a_bar_adjusts_the_bars_before_it() -> None:
    panel = as_of_panel(_history([[300.0, np.nan, 101.0]], splits={(0, 1): 3.0}))
    np.testing.assert_array_equal(panel.close, [[100.0, np.nan, 101.0]])


def test_without_adjustment_the_bars_are_as_traded_and_splits_cut_no_stretch() -> None:
    history = _history([[300.0, 330.0, 111.0]], splits={(0, 2): 3.0})
    assert as_of_panel(history, adjust="none").close.tolist() == [[300.0, 330.0, 111.0]]
    assert as_of_panel(history, adjust="none").volume.tolist() == [[1000.0] * 3]
    assert as_of_rows(history, 0, 2, adjust="none").first.tolist() == [0]


@pytest.mark.parametrize("name", PRICES)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_bar_that_lacks_one_price_is_left_out_as_a_whole(name: str, value: float) -> None:
    panel = as_of_panel(_history([[10.0, 11.0]], **{name: [[12.5, value]]}))
    assert np.isnan(_panel_row(panel, 0)[:, 1]).all()
    assert np.isfinite(_panel_row(panel, 0)[:, 0]).all()


def test_a_bar_without_volume_keeps_its_prices() -> None:
    panel = as_of_panel(_history([[10.0, 11.0]], volume=[[5.0, np.nan]]))
    assert panel.close.tolist() == [[10.0, 11.0]]
    np.testing.assert_array_equal(panel.volume, [[5.0, np.nan]])


def test_high_and_low_enclose_the_bar_exactly_even_where_the_source_rounds() -> None:
    bars = {"open": [[9.0]], "close": [[10.0]], "high": [[10.0 - 1e-9]], "low": [[9.0 + 1e-9]]}
    panel = as_of_panel(_history([[10.0]], **bars))
    assert (panel.high[0, 0], panel.low[0, 0]) == (10.0, 9.0)


def test_a_fault_known_on_its_own_session_is_never_seen() -> None:
    rows = as_of_rows(_history([[10.0, 11.0, 12.0]], quarantined=[(0, 1, 1)]), 0, 2)
    assert [_row_at(rows, 0, day)[3].tolist() for day in (0,)] == [[10.0]]
    np.testing.assert_array_equal(_row_at(rows, 0, 1)[3], [10.0, np.nan])
    np.testing.assert_array_equal(_row_at(rows, 0, 2)[3], [10.0, np.nan, 12.0])
    assert len(rows.first) == 1


def test_a_fault_known_later_is_seen_until_then_and_left_out_from_then_on() -> None:
    rows = as_of_rows(_history([[10.0, 11.0, 12.0, 13.0]], quarantined=[(0, 0, 2)]), 0, 3)
    assert _row_at(rows, 0, 1)[3].tolist() == [10.0, 11.0]
    np.testing.assert_array_equal(_row_at(rows, 0, 2)[3], [np.nan, 11.0, 12.0])
    np.testing.assert_array_equal(_row_at(rows, 0, 3)[3], [np.nan, 11.0, 12.0, 13.0])
    assert rows.first.tolist() == [0, 2]
    assert rows.last.tolist() == [1, 3]


def test_a_fault_leaves_out_the_whole_bar_of_its_own_symbol_only() -> None:
    panel = as_of_panel(_history([[10.0, 11.0], [20.0, 21.0]], quarantined=[(0, 0, 1)]))
    assert np.isnan(_panel_row(panel, 0)[:, 0]).all()
    assert np.isfinite(_panel_row(panel, 1)).all()


def test_rows_end_with_their_stretch() -> None:
    rows = as_of_rows(_history([[300.0, 330.0, 111.0]], splits={(0, 2): 3.0}), 0, 2)
    np.testing.assert_array_equal(rows.close, [[300.0, 330.0, np.nan], [100.0, 110.0, 111.0]])
    np.testing.assert_array_equal(rows.volume, [[1000.0, 1000.0, np.nan], [3000.0, 3000.0, 1000.0]])


def test_no_symbols_give_no_rows_and_an_empty_panel() -> None:
    history = _history(np.empty((0, 3)))
    assert as_of_rows(history, 0, 2).close.shape == (0, 3)
    assert as_of_panel(history).close.shape == (0, 3)


@pytest.mark.parametrize(("first", "last"), [(-1, 2), (2, 1), (0, 3), (3, 3)])
def test_a_range_outside_the_history_is_refused(first: int, last: int) -> None:
    with pytest.raises(InvalidInputError, match=r"first <= last < 3 sessions.*got first="):
        as_of_rows(_history([[1.0, 2.0, 3.0]]), first, last)


def test_a_history_without_sessions_has_no_panel() -> None:
    with pytest.raises(InvalidInputError, match="0 sessions"):
        as_of_panel(_history(np.empty((1, 0))))


def test_an_unknown_adjustment_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="dividends"):
        as_of_panel(_history([[1.0]]), adjust="dividends")  # type: ignore[arg-type]


@given(histories(), st.sampled_from(["splits", "none"]), st.data())
@settings(max_examples=60, deadline=None)
def test_a_range_of_sessions_is_bit_for_bit_the_panel_of_each_session(
    history: PriceHistory, adjust: Adjust, data: st.DataObject
) -> None:
    last = data.draw(st.integers(0, len(history.sessions) - 1))
    first = data.draw(st.integers(0, last))
    rows = as_of_rows(history, first, last, adjust=adjust)
    for day in range(first, last + 1):
        panel = as_of_panel(_known_by(history, day), adjust=adjust)
        for symbol in range(len(history.symbols)):
            assert _same(_row_at(rows, symbol, day), _panel_row(panel, symbol))


@given(histories(), st.sampled_from(["splits", "none"]))
@settings(max_examples=60, deadline=None)
def test_every_row_is_what_the_oracle_says(history: PriceHistory, adjust: Adjust) -> None:
    rows = as_of_rows(history, 0, len(history.sessions) - 1, adjust=adjust)
    for day in range(len(history.sessions)):
        for symbol in range(len(history.symbols)):
            expected = _oracle(history, symbol, day, adjust)
            np.testing.assert_allclose(_row_at(rows, symbol, day), expected, rtol=1e-12, equal_nan=True)


@given(histories(), st.data())
@settings(max_examples=60, deadline=None)
def test_nothing_that_happens_after_a_session_changes_what_was_known_on_it(
    history: PriceHistory, data: st.DataObject
) -> None:
    day = data.draw(st.integers(0, len(history.sessions) - 1))
    future = {name: getattr(history, name).copy() for name in (*BAR_FIELDS, "split_ratio")}
    for values in future.values():
        values[:, day + 1 :] *= 17.0
    entries = history.quarantined
    known = entries[entries[:, 2] <= day]
    count = len(history.sessions)
    later = [(symbol, bar, count - 1) for symbol in range(len(history.symbols)) for bar in range(count)]
    changed = np.concatenate([known, np.array(later if day < count - 1 else [], dtype=np.int32).reshape(-1, 3)])
    before = as_of_rows(history, 0, count - 1)
    after = as_of_rows(replace(history, quarantined=changed, **future), 0, count - 1)
    for symbol in range(len(history.symbols)):
        for earlier in range(day + 1):
            assert _same(_row_at(before, symbol, earlier), _row_at(after, symbol, earlier))


@given(histories(), st.data())
@settings(max_examples=60, deadline=None)
def test_a_bar_is_the_same_float_whatever_the_first_session_of_the_history(
    history: PriceHistory, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(history.sessions) - 1))
    cut = {
        name: np.ascontiguousarray(getattr(history, name)[:, start:])
        for name in (*BAR_FIELDS, "split_ratio", "dividend", "present")
    }
    entries = history.quarantined[history.quarantined[:, 1] >= start] - np.array([0, start, start], dtype=np.int32)
    shorter = as_of_panel(replace(history, sessions=history.sessions[start:], quarantined=entries, **cut))
    longer = as_of_panel(history)
    for name in BAR_FIELDS:
        assert _same(getattr(shorter, name), np.ascontiguousarray(getattr(longer, name)[:, start:]))


def test_awkward_ratios_give_the_same_float_whatever_the_first_session_of_the_history() -> None:
    ratios = (3.0, 7.0 / 3.0, 0.1, 1.5, 1.0 / 30.0, 1.1)
    closes = np.linspace(90.0, 110.0, len(ratios))[None]
    whole = as_of_panel(_history(closes, splits={(0, day): ratio for day, ratio in enumerate(ratios)}))
    for start in range(len(ratios)):
        splits = {(0, day): ratio for day, ratio in enumerate(ratios[start:])}
        part = as_of_panel(_history(closes[:, start:], splits=splits))
        assert part.close[0].tolist() == whole.close[0, start:].tolist()
        assert part.volume[0].tolist() == whole.volume[0, start:].tolist()


@given(histories(), st.data())
@settings(max_examples=60, deadline=None)
def test_a_symbol_is_the_same_alone_and_among_others(history: PriceHistory, data: st.DataObject) -> None:
    symbol = data.draw(st.integers(0, len(history.symbols) - 1))
    alone = {name: getattr(history, name)[[symbol]] for name in (*BAR_FIELDS, "split_ratio", "dividend", "present")}
    entries = history.quarantined[history.quarantined[:, 0] == symbol] * np.array([0, 1, 1], dtype=np.int32)
    panel = as_of_panel(replace(history, symbols=("S0",), quarantined=entries, **alone))
    assert _same(_panel_row(panel, 0), _panel_row(as_of_panel(history), symbol))


@given(histories())
@settings(max_examples=60, deadline=None)
def test_the_history_itself_is_never_changed(history: PriceHistory) -> None:
    before = {name: getattr(history, name).tobytes() for name in (*BAR_FIELDS, "split_ratio", "quarantined")}
    as_of_rows(history, 0, len(history.sessions) - 1)
    assert {name: getattr(history, name).tobytes() for name in before} == before


@given(histories(), st.data())
@settings(max_examples=60, deadline=None)
def test_stretches_tile_the_asked_range_for_each_symbol_in_order(history: PriceHistory, data: st.DataObject) -> None:
    last = data.draw(st.integers(0, len(history.sessions) - 1))
    first = data.draw(st.integers(0, last))
    rows = as_of_rows(history, first, last)
    assert rows.symbol.tolist() == sorted(rows.symbol.tolist())
    for symbol in range(len(history.symbols)):
        mine = rows.symbol == symbol
        seen = [day for a, b in zip(rows.first[mine], rows.last[mine], strict=True) for day in range(a, b + 1)]
        assert seen == list(range(first, last + 1))


@given(histories(), st.data())
@settings(max_examples=60, deadline=None)
def test_origins_meet_each_symbol_and_asked_session_once_in_order(history: PriceHistory, data: st.DataObject) -> None:
    last = len(history.sessions) - 1
    ends = np.array(sorted(data.draw(st.sets(st.integers(0, last), min_size=1))), dtype=np.int32)
    rows = as_of_rows(history, int(ends[0]), int(ends[-1]))
    found = origins(rows, ends)
    pairs = list(zip(found.row.tolist(), found.end.tolist(), strict=True))
    assert pairs == sorted(pairs)
    assert (found.row.dtype, found.end.dtype) == (np.int32, np.int32)
    assert all(rows.first[row] <= end <= rows.last[row] for row, end in pairs)
    wanted = [(symbol, end) for symbol in range(len(history.symbols)) for end in ends.tolist()]
    assert [(int(rows.symbol[row]), end) for row, end in pairs] == wanted
    assert found.by_session.shape == (len(ends), len(history.symbols))
    for place, end in enumerate(ends.tolist()):
        for symbol in range(len(history.symbols)):
            origin = found.by_session[place, symbol]
            assert (rows.symbol[found.row[origin]], found.end[origin]) == (symbol, end)


def test_no_asked_session_or_no_symbol_gives_no_origin() -> None:
    none = np.empty(0, dtype=np.int32)
    assert len(origins(as_of_rows(_history([[1.0, 2.0]]), 0, 1), none).row) == 0
    found = origins(as_of_rows(_history(np.empty((0, 2))), 0, 1), np.array([0, 1], dtype=np.int32))
    assert found.by_session.shape == (2, 0)
