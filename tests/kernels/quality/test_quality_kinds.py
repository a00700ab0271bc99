"""Each kind of fault by a hand-made example, on both backends."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pytest

from kernels.quality import KINDS, Faults, QualitySettings, find_faults

SETTINGS = QualitySettings(lookback=100, scale_window=60, scale_least=20)


@pytest.fixture(params=["naive", "cpu"])
def backend(request: pytest.FixtureRequest) -> str:
    return request.param


@dataclass
class Symbol:
    """One symbol's bars as a caller passes them, [1, T], to be damaged by a test."""

    open: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    close: npt.NDArray[np.float64]
    volume: npt.NDArray[np.float64]
    present: npt.NDArray[np.bool_]
    split_ratio: npt.NDArray[np.float64] = field(init=False)
    dividend: npt.NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        self.split_ratio, self.dividend = np.ones(self.open.shape), np.zeros(self.open.shape)

    def put(self, session: int, bar: tuple[float, ...]) -> None:
        for values, value in zip((self.open, self.high, self.low, self.close, self.volume), bar, strict=False):
            values[0, session] = value

    def bar(self, session: int) -> tuple[float, ...]:
        return tuple(values[0, session] for values in (self.open, self.high, self.low, self.close, self.volume))

    def shift(self, sessions: slice | int, factor: float) -> None:
        for values in (self.open, self.high, self.low, self.close):
            values[0, sessions] *= factor

    def drop(self, session: int | slice) -> None:
        self.present[0, session] = False
        for values in (self.open, self.high, self.low, self.close, self.volume):
            values[0, session] = np.nan


def calm(n_sessions: int = 60) -> Symbol:
    """A random walk of 1 % a session around 100 dollars, without faults, no two bars alike."""
    rng = np.random.default_rng(4)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, n_sessions)))
    open_ = np.concatenate([[100.0], close[:-1]]) * np.exp(rng.normal(0, 0.002, n_sessions))
    high = np.maximum(open_, close) * (1 + rng.uniform(0.001, 0.004, n_sessions))
    low = np.minimum(open_, close) * (1 - rng.uniform(0.001, 0.004, n_sessions))
    volume = np.round(rng.uniform(0.8e6, 1.2e6, n_sessions))
    rows = (values[np.newaxis].copy() for values in (open_, high, low, close, volume))
    return Symbol(*rows, present=np.ones((1, n_sessions), np.bool_))


def faults_of(symbol: Symbol, backend: str, settings: QualitySettings = SETTINGS) -> Faults:
    matrices = (symbol.open, symbol.high, symbol.low, symbol.close, symbol.volume, symbol.present)
    actions = (symbol.split_ratio, symbol.dividend)
    return find_faults(*matrices, *actions, 0, symbol.open.shape[1] - 1, settings=settings, backend=backend)


def entries(faults: Faults) -> list[tuple[str, int, int, bool, int]]:
    """(kind, session, known_on, excluded, other) of each fault."""
    columns = (faults.kind, faults.session, faults.known_on, faults.excluded, faults.other)
    return [
        (KINDS[kind], int(session), int(known_on), bool(excluded), int(other))
        for kind, session, known_on, excluded, other in zip(*columns, strict=True)
    ]


def test_calm_bars_have_no_faults(backend: str) -> None:
    assert entries(faults_of(calm(), backend)) == []


@pytest.mark.parametrize("price", ["open", "high", "low", "close"])
def test_a_null_price_is_excluded_on_its_session(backend: str, price: str) -> None:
    symbol = calm()
    getattr(symbol, price)[0, 30] = np.nan
    faults = faults_of(symbol, backend)
    assert entries(faults) == [("null_price", 30, 30, True, -1)]
    assert math.isnan(faults.value[0])


@pytest.mark.parametrize("price", ["open", "high", "low", "close"])
@pytest.mark.parametrize("value", [0.0, -0.0, -3.5, np.inf, -np.inf])
def test_an_unusable_price_is_excluded_with_its_value(backend: str, price: str, value: float) -> None:
    symbol = calm()
    getattr(symbol, price)[0, 30] = value
    faults = faults_of(symbol, backend)
    assert entries(faults) == [("nonpositive_price", 30, 30, True, -1)]
    assert faults.value[0] == value


@pytest.mark.parametrize(
    ("bar", "excess"),
    [
        ((100.0, 101.0, 99.0, 102.0), 102 / 101 - 1),
        ((102.0, 101.0, 99.0, 100.0), 102 / 101 - 1),
        ((100.0, 101.0, 99.0, 98.0), 99 / 98 - 1),
        ((98.0, 101.0, 99.0, 100.0), 99 / 98 - 1),
        ((100.0, 99.0, 101.0, 100.0), 101 / 99 - 1),
    ],
)
def test_a_broken_order_is_excluded_with_its_excess(backend: str, bar: tuple[float, ...], excess: float) -> None:
    symbol = calm()
    symbol.put(0, bar)
    faults = faults_of(symbol, backend)
    assert entries(faults) == [("ohlc_order", 0, 0, True, -1)]
    assert faults.value[0] == pytest.approx(excess, rel=1e-12)


@pytest.mark.parametrize(("excess", "broken"), [(0.9e-9, False), (1.1e-9, True)])
def test_the_order_may_be_broken_by_the_tolerance_but_no_more(backend: str, excess: float, broken: bool) -> None:
    for bar in ((100.0, 101.0, 99.0, 101.0 * (1 + excess)), (100.0, 101.0, 99.0, 99.0 * (1 - excess))):
        symbol = calm()
        symbol.put(0, bar)
        assert (entries(faults_of(symbol, backend)) != []) == broken


@pytest.mark.parametrize("volume", [0.0, -5.0, np.nan, np.inf])
def test_a_session_without_volume_is_flagged(backend: str, volume: float) -> None:
    symbol = calm()
    symbol.volume[0, 30] = volume
    faults = faults_of(symbol, backend)
    assert entries(faults) == [("zero_volume", 30, 30, False, -1)]
    np.testing.assert_array_equal(faults.value, [volume])


def test_null_prices_without_volume_are_reported_as_both(backend: str) -> None:
    symbol = calm()
    symbol.put(30, (np.nan, np.nan, np.nan, 100.0, 0.0))
    assert entries(faults_of(symbol, backend)) == [
        ("null_price", 30, 30, True, -1),
        ("zero_volume", 30, 30, False, -1),
    ]


def test_an_absence_is_reported_until_the_symbol_counts_as_gone(backend: str) -> None:
    symbol = calm()
    symbol.drop(slice(20, 40))
    expected = [("missing_bar", session, session, False, -1) for session in range(20, 20 + SETTINGS.absence)]
    assert entries(faults_of(symbol, backend)) == expected


def test_a_row_of_nulls_is_no_absence(backend: str) -> None:
    symbol = calm()
    symbol.drop(30)
    symbol.present[0, 30] = True
    assert {kind for kind, *_ in entries(faults_of(symbol, backend))} == {"null_price", "zero_volume"}


def test_the_earlier_bar_of_a_copied_pair_is_excluded_when_the_later_one_arrives(backend: str) -> None:
    symbol = calm()
    open_, high, low, close, volume = symbol.bar(45)
    symbol.put(30, (open_, high, low, close, volume - 1000))
    faults = faults_of(symbol, backend)
    repeated = [entry for entry in entries(faults) if entry[0] == "repeated_bar"]
    assert repeated == [("repeated_bar", 30, 45, True, 45), ("repeated_bar", 45, 45, False, 30)]
    assert (faults.value[faults.kind == KINDS.index("repeated_bar")] == 0).all()


@pytest.mark.parametrize(
    ("close_share", "volume_ratio"),
    [(0.2, 1.0), (0.0, 1.6), (0.0, 0.9), (0.0, 0.0)],
    ids=["other close", "more volume", "less volume", "no volume"],
)
def test_two_bars_that_meet_by_chance_are_only_flagged(backend: str, close_share: float, volume_ratio: float) -> None:
    symbol = calm()
    symbol.put(30, (100.0, 102.0, 99.0, 100.0, 1e6))
    symbol.put(31, (100.0, 102.0, 99.0, 100.0 * (102 / 99) ** close_share, 1e6 * volume_ratio))
    repeated = [entry for entry in entries(faults_of(symbol, backend)) if entry[0] == "repeated_bar"]
    assert repeated == [("repeated_bar", 30, 31, False, 31), ("repeated_bar", 31, 31, False, 30)]


def test_three_equal_bars_are_two_pairs_of_neighbours(backend: str) -> None:
    symbol = calm()
    for session in (10, 25):
        symbol.put(session, symbol.bar(40))
    pairs = [entry[1:] for entry in entries(faults_of(symbol, backend)) if entry[0] == "repeated_bar"]
    assert pairs == [(10, 25, True, 25), (25, 25, False, 10), (25, 40, True, 40), (40, 40, False, 25)]


def test_a_partner_beyond_the_lookback_is_not_found(backend: str) -> None:
    symbol = calm(120)
    symbol.put(15, symbol.bar(115))
    assert len([entry for entry in entries(faults_of(symbol, backend)) if entry[0] == "repeated_bar"]) == 2
    symbol = calm(120)
    symbol.put(14, symbol.bar(115))
    assert [entry for entry in entries(faults_of(symbol, backend)) if entry[0] == "repeated_bar"] == []


def test_constant_prices_are_flagged_but_keep_their_bars(backend: str) -> None:
    symbol = calm()
    for values in (symbol.open, symbol.high, symbol.low, symbol.close):
        values[:] = 50.0
    found = entries(faults_of(symbol, backend))
    assert {(kind, excluded) for kind, _, _, excluded, _ in found} == {("repeated_bar", False)}
    assert len(found) == 2 * 59


@pytest.mark.parametrize("factor", [1.08, 1 / 1.08])
def test_a_bar_apart_from_both_neighbours_is_excluded_from_the_next_session_on(backend: str, factor: float) -> None:
    symbol = calm()
    symbol.shift(40, factor)
    faults = faults_of(symbol, backend)
    assert ("suspect_close", 40, 41, True, -1) in entries(faults)
    suspect = faults.kind == KINDS.index("suspect_close")
    assert faults.value[suspect] == pytest.approx([math.log(symbol.close[0, 40] / symbol.close[0, 39])], rel=1e-12)


def test_the_reversal_of_a_suspect_bar_is_no_unexplained_move(backend: str) -> None:
    symbol = calm()
    symbol.shift(40, 1.15)
    kinds = [(kind, session) for kind, session, *_ in entries(faults_of(symbol, backend))]
    assert kinds == [("unexplained_move", 40), ("suspect_close", 40)]


def test_the_bar_after_a_copy_that_has_been_found_out_is_no_unexplained_move(backend: str) -> None:
    symbol = calm()
    symbol.shift(slice(41, None), 1.15)
    symbol.put(40, symbol.bar(41))
    symbol.shift(slice(42, None), 1 / 1.15)
    found = entries(faults_of(symbol, backend))
    assert ("repeated_bar", 40, 41, True, 41) in found
    assert ("unexplained_move", 40, 40, False, -1) in found


def test_an_island_on_matching_volume_is_believed(backend: str) -> None:
    symbol = calm()
    symbol.shift(40, 1.08)
    symbol.volume[0, 40:42] = 8e6
    assert entries(faults_of(symbol, backend)) == []


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_an_unrecorded_split_is_flagged_on_its_session(backend: str, factor: float) -> None:
    symbol = calm()
    symbol.shift(slice(40, None), factor)
    faults = faults_of(symbol, backend)
    assert entries(faults) == [("unexplained_move", 40, 40, False, -1)]
    assert faults.value == pytest.approx([math.log(symbol.close[0, 40] / symbol.close[0, 39])], rel=1e-12)


def test_a_recorded_split_and_dividend_explain_their_move(backend: str) -> None:
    symbol = calm()
    symbol.shift(slice(40, None), 0.5)
    symbol.split_ratio[0, 40] = 2.0
    assert entries(faults_of(symbol, backend)) == []
    symbol = calm()
    dividend = 0.2 * symbol.close[0, 39]
    for values in (symbol.open, symbol.high, symbol.low, symbol.close):
        values[0, 40:] -= dividend
    assert [kind for kind, *_ in entries(faults_of(symbol, backend))] == ["unexplained_move"]
    symbol.dividend[0, 40] = dividend
    assert entries(faults_of(symbol, backend)) == []


def test_an_action_on_a_session_without_a_bar_counts(backend: str) -> None:
    symbol = calm()
    symbol.shift(slice(40, None), 0.5)
    symbol.split_ratio[0, 40] = 2.0
    symbol.drop(40)
    assert entries(faults_of(symbol, backend)) == [("missing_bar", 40, 40, False, -1)]


def test_a_gap_on_matching_volume_is_believed(backend: str) -> None:
    symbol = calm()
    symbol.shift(slice(40, None), 0.8)
    symbol.volume[0, 40] = 30e6
    assert entries(faults_of(symbol, backend)) == []


def test_a_gap_that_the_session_takes_back_is_believed(backend: str) -> None:
    symbol = calm()
    open_, high, _, close, volume = symbol.bar(40)
    symbol.put(40, (0.8 * open_, high, 0.79 * open_, close, volume))
    assert entries(faults_of(symbol, backend)) == []


def test_too_short_a_history_gives_no_verdict_on_moves(backend: str) -> None:
    symbol = calm(SETTINGS.scale_least + 1)
    symbol.shift(slice(SETTINGS.scale_least, None), 0.5)
    assert entries(faults_of(symbol, backend)) == []
    symbol = calm(SETTINGS.scale_least + 2)
    symbol.shift(slice(SETTINGS.scale_least + 1, None), 0.5)
    assert [kind for kind, *_ in entries(faults_of(symbol, backend))] == ["unexplained_move"]


def test_a_faulty_bar_is_no_neighbour_of_the_next(backend: str) -> None:
    symbol = calm()
    symbol.close[0, 40] = 1e-3
    assert [kind for kind, *_ in entries(faults_of(symbol, backend))] == ["ohlc_order"]


def test_a_symbol_of_three_bars_is_checked_for_what_three_bars_can_show(backend: str) -> None:
    symbol = calm(3)
    symbol.put(2, symbol.bar(1))
    symbol.close[0, 0] = np.nan
    assert entries(faults_of(symbol, backend)) == [
        ("null_price", 0, 0, True, -1),
        ("repeated_bar", 1, 2, True, 2),
        ("repeated_bar", 2, 2, False, 1),
    ]


def test_a_symbol_without_rows_has_no_faults(backend: str) -> None:
    symbol = calm()
    symbol.drop(slice(None))
    assert len(faults_of(symbol, backend)) == 0


def test_prices_at_the_ends_of_the_number_range_raise_nothing(backend: str) -> None:
    symbol = calm()
    symbol.put(30, (1.0, 1e300, 1e-300, 1.0, 1e-300))
    symbol.put(31, (1e-300, 1e-300, 1e-300, 1e-300, 1e300))
    found = entries(faults_of(symbol, backend))
    assert all(kind in ("suspect_close", "unexplained_move") for kind, *_ in found)
