"""The first screen: what was found, whether yesterday's numbers held, and one wave."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from resources.report import report_page
from resources.report.yesterday import forecasts_met
from tests.page_checks import every, parsed, words_of
from tests.report_rows import SYMBOLS, confirmed_row, given, panel, patterns_table, without_p_values

BOUNDS = ("q050", "q950")


def header(page: str):
    [found] = [each for each in every(parsed(page), "header") if each.get("class") == "headline"]
    return found


def facts_of(page: str) -> dict[str, str]:
    [listed] = [each for each in every(header(page), "dl") if each.get("class") == "facts held"]
    return {words_of(name): words_of(value) for name, value in (tuple(pair) for pair in listed)}


def moved(*closes: float):
    """The whole session, with closes of 100 before and these now; the forecasts reach 1.8 % to either side."""
    bars = panel()
    close = bars.close.copy()
    close[:, -2] = 100.0
    close[:, -1] = closes
    return given(panel=replace(bars, close=close))


def test_what_became_of_yesterdays_numbers_is_told() -> None:
    told = facts_of(report_page(moved(101.0, 102.0, 97.0, 100.0)))
    assert list(told) == ["Setups of 6 February", "Forecasts of 6 February", "Forecasts so far", "Bars"]
    assert told["Setups of 6 February"].startswith("60 of 60 still stand; 0 were refuted, ")
    assert told["Forecasts of 6 February"].startswith("50.0 % of 4 closes lie in their 90 % interval; ")
    assert told["Forecasts so far"] == "90.0 % one session ahead lay in their 90 % interval, 2016-2017."
    assert told["Bars"] == "4 of 4 members have a bar; 1 bar left out as faulty, none flagged."


def test_a_forecast_is_met_up_to_the_bounds_of_its_interval_and_only_where_all_is_known() -> None:
    whole = moved(101.0, 102.0, np.nan, 100.0)
    assert forecasts_met(whole) == (2, 3)
    ahead = whole.previous_forecasts.filter(
        pa.array([row["horizon"] == 1 for row in whole.previous_forecasts.to_pylist()])
    )
    exact = np.log(np.array([101.0, 102.0, 97.0, 100.0]) / 100.0)
    place = {symbol: at for at, symbol in enumerate(whole.panel.symbols)}
    own = np.array([exact[place[symbol]] for symbol in ahead["symbol"].to_pylist()])
    for name, values in zip(BOUNDS, (own, own + 1e-9), strict=True):
        ahead = ahead.set_column(ahead.schema.get_field_index(name), ahead.schema.field(name), pa.array(values))
    assert forecasts_met(replace(moved(101.0, 102.0, 97.0, 100.0), previous_forecasts=ahead)) == (4, 4)
    nobody = ahead.set_column(
        ahead.schema.get_field_index("q050"), ahead.schema.field("q050"), pa.nulls(len(ahead), pa.float64())
    )
    assert forecasts_met(replace(whole, previous_forecasts=nobody)) is None


def test_a_symbol_that_left_and_a_gap_before_the_session_count_nowhere() -> None:
    whole = moved(101.0, 100.0, 100.0, 100.0)
    stranger = whole.previous_forecasts.set_column(
        whole.previous_forecasts.schema.get_field_index("symbol"),
        whole.previous_forecasts.schema.field("symbol"),
        pa.array(["GONE"] * len(whole.previous_forecasts)),
    )
    assert forecasts_met(replace(whole, previous_forecasts=stranger)) is None
    assert forecasts_met(replace(whole, previous=whole.panel.sessions[-3].item())) is None
    assert forecasts_met(replace(whole, previous=None)) is None


def test_without_yesterdays_tables_it_says_so() -> None:
    told = facts_of(report_page(given(previous_patterns=None, previous_forecasts=None, skill=None)))
    assert told["Setups of 6 February"] == told["Forecasts of 6 February"] == "not there to compare with."
    assert told["Forecasts so far"] == "not judged yet."
    none = given().previous_patterns.slice(0, 0)
    assert facts_of(report_page(given(previous_patterns=none)))["Setups of 6 February"] == "none stood."


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        ("setups", "The setup least like chance. 1 in 2,000 series"),
        ("unknown", "The setup with the best score. Its p-value is unknown"),
        ("confirmed", "The confirmed pattern least like chance. 1 in 2,000"),
        ("nothing", ""),
    ],
)
def test_the_first_wave_is_the_one_least_like_chance(shown, words) -> None:
    whole = given().patterns
    patterns = {
        "setups": whole,
        "unknown": without_p_values(whole),
        "confirmed": patterns_table([confirmed_row(SYMBOLS[0], "c")]),
        "nothing": patterns_table([]),
    }[shown]
    figures = every(header(report_page(given(patterns=patterns))), "figure")
    assert [words_of(every(each, "figcaption")[0]).startswith(words) for each in figures] == ([True] if words else [])
    for each in figures:
        assert len(list(each.iter("{http://www.w3.org/2000/svg}svg"))) == 2
