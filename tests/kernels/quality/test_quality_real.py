"""The real price file against its known defects: floors just below what was measured (docs/data-quality.md)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.quality import DEFECTS, PRICES, Prices, load_defects, load_prices, measure
from kernels.quality import KINDS, Faults

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not (PRICES.exists() and DEFECTS.exists()), reason=f"there is no {PRICES}"),
]


@pytest.fixture(scope="module")
def prices() -> Prices:
    return load_prices()


@pytest.fixture(scope="module")
def faults(prices: Prices) -> Faults:
    return prices.find_faults(0, len(prices.sessions) - 1)


@pytest.fixture(scope="module")
def measured(prices: Prices, faults: Faults) -> dict[str, Any]:
    return measure(prices, faults, load_defects())


@pytest.mark.parametrize(
    ("kind", "recall", "precision", "precision_any_defect"),
    [
        ("null_price", 1.0, 1.0, 1.0),
        ("ohlc_order", 1.0, 1.0, 1.0),
        ("zero_volume", 1.0, 1.0, 1.0),
        ("missing_bar", 1.0, 1.0, 1.0),
        ("repeated_bar", 0.997, 1.0, 1.0),
        ("suspect_close", 0.21, 0.62, 0.96),
        ("unexplained_move", 0.92, 0.16, 0.84),
    ],
)
def test_recall_and_precision_stay_above_their_floors(
    measured: dict[str, Any], kind: str, recall: float, precision: float, precision_any_defect: float
) -> None:
    row = measured["kinds"][kind]
    assert row["recall"] >= recall
    assert row["precision"] >= precision
    assert row["precision_any_defect"] >= precision_any_defect


def test_nearly_every_wrong_close_is_left_out_in_the_end(measured: dict[str, Any]) -> None:
    assert measured["kinds"]["suspect_close"]["excluded"] >= 0.98 * measured["kinds"]["suspect_close"]["defects"]


def test_false_alarms_are_fewer_than_one_in_20000_bars(measured: dict[str, Any]) -> None:
    assert measured["false_alarms_per_10000_bars"] < 0.5


def test_the_session_that_was_copied_backwards_keeps_its_bars(prices: Prices, faults: Faults) -> None:
    excluded = prices.bars(faults, excluded=True)
    by_session = {date: sum(session == date for _, session in excluded) for date in ("2014-08-01", "2014-08-04")}
    assert by_session["2014-08-01"] > 200
    assert by_session["2014-08-04"] == 0


def test_no_later_bar_of_a_pair_is_a_wrong_close(prices: Prices, faults: Faults) -> None:
    wrong = load_defects()["suspect_close"]
    repeated = faults.kind == KINDS.index("repeated_bar")
    kept = repeated & (faults.session == faults.known_on)
    pairs = zip(faults.symbol[kept], faults.session[kept], strict=True)
    later = {(prices.symbols[symbol], prices.sessions[session]) for symbol, session in pairs}
    assert not later & wrong - prices.bars(faults, excluded=True)


def test_naive_and_cpu_agree_on_real_bars(prices: Prices) -> None:
    chosen = [prices.symbols.index(symbol) for symbol in ("A", "DHR", "NWS", "O")]
    some = Prices(
        [prices.symbols[symbol] for symbol in chosen],
        prices.sessions,
        tuple(matrix[chosen] for matrix in prices.matrices),
        prices.present[chosen],
    )
    for first, last in ((370, 450), (1125, 1160)):
        naive, cpu = (some.find_faults(first, last, backend=backend) for backend in ("naive", "cpu"))
        assert len(cpu) > 0
        for name in ("symbol", "session", "known_on", "kind", "excluded", "other"):
            np.testing.assert_array_equal(getattr(naive, name), getattr(cpu, name))
        np.testing.assert_allclose(naive.value, cpu.value, rtol=1e-12, atol=0)


def test_sixty_sessions_alone_are_the_sessions_of_the_whole_run(prices: Prices, faults: Faults) -> None:
    for session in range(1120, 1180):
        alone = prices.find_faults(session, session)
        mine = faults.known_on == session
        for name in ("symbol", "session", "known_on", "kind", "excluded", "other", "value"):
            np.testing.assert_array_equal(getattr(alone, name), getattr(faults, name)[mine])
