"""How many tests there are, and how many good ones chance gives: the same as the q-values of the patterns rest on."""

from datetime import date

import numpy as np
import pytest

from kernels.nulls import NullHistograms
from kernels.waves import CLASS_NAMES, STAGES
from resources.contracts import WINDOWS
from resources.null_table import NullDistributions, NullModel, null_table
from resources.report.chance import families
from resources.significance import with_significance
from tests.alert_rows import setup_row
from tests.report_rows import SESSION, confirmed_row, filled, patterns_table

LENGTHS, BUCKETS, BINS = (63, 126), (21, 63, 126), 10
SURROGATES = 49_999
MODEL = NullModel(date(2018, 1, 1), date(2017, 12, 29), "block", 20.0, 7, None, 504)
SETUP_STAGES = len(STAGES) - len(CLASS_NAMES)


def distributions(with_pattern: float = 0.5, model: NullModel = MODEL) -> NullDistributions:
    """Scores in the first bin only, of so many series; the others hold no pattern."""
    counts = np.zeros((len(LENGTHS), len(STAGES), 2, len(BUCKETS), BINS + 1), dtype=np.int64)
    counts[..., 0] = round(with_pattern * SURROGATES)
    counts[..., -1] = SURROGATES - counts[..., 0]
    symbols = np.full(len(LENGTHS), 100, np.int32)
    return NullDistributions(model, np.array(LENGTHS, np.int32), symbols, NullHistograms(counts, BUCKETS, "cpu", ""))


def windows_table(windows: dict[str, int]):
    rows = [
        {"symbol": symbol, "length": length, "kept": length <= longest}
        for symbol, longest in windows.items()
        for length in (63, 126, 252)
    ]
    return filled(WINDOWS, rows)


def setup_of(symbol: str, pattern_id: str, **values):
    return setup_row(str(SESSION), pattern_id, symbol, **values)


@pytest.mark.parametrize("model", [MODEL, NullModel(MODEL.quarter, MODEL.through, "block", 20.0, 7, None, 40)])
@pytest.mark.parametrize("windows", [{"A": 63}, {"A": 126}, {"A": 63, "B": 126, "C": 126, "D": 252, "E": 0}])
def test_there_are_as_many_tests_as_the_q_values_count(windows, model) -> None:
    found = distributions(model=model)
    # One pattern in each family, so that q is p times the number of tests.
    rows = patterns_table([setup_of("A", "s", score=0.9), confirmed_row("A", "c", score=0.9)])
    tested = with_significance(rows, windows, found)
    q_of = dict(zip(tested["pattern_id"].to_pylist(), tested["q_value"].to_pylist(), strict=True))
    confirmed, setups = families(tested, windows_table(windows), null_table(found))
    assert setups.tests * (1 / (SURROGATES + 1)) == pytest.approx(q_of["s"], rel=1e-12)
    assert confirmed.tests * (1 / (SURROGATES + 1)) == pytest.approx(q_of["c"], rel=1e-12)
    assert setups.tests % SETUP_STAGES == 0


def test_of_several_patterns_of_one_test_the_best_counts() -> None:
    known = {"q_value": 0.5}
    rows = [
        setup_of("A", "a1", p_value=0.2, **known),
        setup_of("A", "a2", p_value=0.1, **known),
        setup_of("A", "a3", p_value=0.3, direction=-1, **known),
        setup_of("B", "b1", p_value=0.4, **known),
        setup_of("B", "b2", p_value=None, q_value=None),
    ]
    windows = windows_table({"A": 63, "B": 63})
    confirmed, setups = families(patterns_table(rows), windows, null_table(distributions()))
    assert setups.p_values.tolist() == [0.1, 0.3, 0.4]
    assert [setups.found(level) for level in (0.05, 0.1, 0.35, 1.0)] == [0, 1, 2, 3]
    assert confirmed.p_values.size == 0


def test_chance_gives_its_share_of_the_tests_up_to_that_of_series_with_a_pattern() -> None:
    windows = windows_table({"A": 63, "B": 126})
    _, setups = families(patterns_table([setup_of("A", "a")]), windows, null_table(distributions(0.5)))
    # Spans to 21 and 63 fit into a window of 63 sessions, all three into one of 126.
    assert setups.tests == SETUP_STAGES * 2 * (2 + 3)
    assert setups.by_chance(0.01) == pytest.approx(0.01 * setups.tests)
    assert setups.by_chance(0.6) == setups.by_chance(1.0) == pytest.approx(0.5 * setups.tests, rel=1e-4)


def test_symbols_without_a_window_that_was_calibrated_make_no_tests() -> None:
    windows = windows_table({"A": 252, "B": 0})
    for family in families(patterns_table([setup_of("A", "a", p_value=None)]), windows, null_table(distributions())):
        assert family.tests == 0
        assert family.by_chance(1.0) == 0.0
        assert family.p_values.size == 0
