"""Whether the numbers of the session before held: its setups, its forecasts, and those of earlier years."""

import numpy as np
import pyarrow.compute as pc

from resources.forecast_contracts import interval_column, quantile_column
from resources.report.markup import Html, facts
from resources.report.report_input import Judged, ReportInput
from resources.report.skill import SERVED, longest_period
from resources.report.words import day_and_month, many, share
from resources.skill_tables import SHOWN_INTERVAL

BOUNDS = tuple(quantile_column(round(0.5 + side * SHOWN_INTERVAL / 2, 6)) for side in (-1, 1))
"""The quantiles at the ends of the interval whose coverage is shown."""

PREVIOUS_FORECAST_COLUMNS = ("symbol", "horizon", *BOUNDS)
"""The columns of the forecasts of the session before that are read."""


def yesterday(given: ReportInput, bars: str) -> Html:
    """What there is to say about the session before, in a list of a few lines.

    Args:
        given: the tables of the session.
        bars: what there is to say about the bars.
    """
    day = "the session before" if given.previous is None else day_and_month(given.previous)
    return facts(
        [
            (f"Setups of {day}", _setups(given)),
            (f"Forecasts of {day}", _forecasts(given)),
            ("Forecasts so far", _so_far(given.skill)),
            ("Bars", bars),
        ],
        class_="facts held",
    )


def forecasts_met(given: ReportInput) -> tuple[int, int] | None:
    """Of the forecasts of the session before for this one: how many closes lay inside their interval, and of how many.

    None where there are no such forecasts, or no close on both sessions.
    """
    panel, table = given.panel, given.previous_forecasts
    both = len(panel.sessions) > 1 and given.previous is not None
    if table is None or not both or panel.sessions[-2] != np.datetime64(given.previous):
        return None
    ahead = table.filter(pc.equal(table["horizon"], 1))
    place = {symbol: at for at, symbol in enumerate(panel.symbols)}
    moved = np.append(np.log(panel.close[:, -1] / panel.close[:, -2]), np.nan)
    moved = moved[[place.get(symbol, -1) for symbol in ahead["symbol"].to_pylist()]]
    low, high = (ahead[name].to_numpy().astype(np.float64) for name in BOUNDS)
    known = np.isfinite(moved) & np.isfinite(low) & np.isfinite(high)
    return (int((known & (low <= moved) & (moved <= high)).sum()), int(known.sum())) if known.any() else None


def _setups(given: ReportInput) -> str:
    found = given.changes
    if found is None:
        return "not there to compare with."
    if not found.before:
        return "none stood."
    told = f"{found.standing:,} of {found.before:,} still stand; {len(found.invalidated.level):,} were refuted"
    return f"{told}, {len(found.completed.level):,} reached their nearest target."


def _forecasts(given: ReportInput) -> str:
    found = forecasts_met(given)
    if found is None:
        return "not there to compare with."
    inside, every = found
    met = f"{100.0 * inside / every:.1f} % of {many(every, 'close')} lie in their {share(SHOWN_INTERVAL)} interval"
    return f"{met}; prices move together, so one day may be far off."


def _so_far(judged: Judged | None) -> str:
    if judged is None or not judged.table.num_rows:
        return "not judged yet."
    period, rows = longest_period(judged)
    shown = [row for row in rows if row["model"] == SERVED and row["horizon"] == 1]
    inside = shown[0][interval_column("coverage", SHOWN_INTERVAL)] if shown else None
    if inside is None:
        return f"{period}: nothing served was judged one session ahead."
    return f"{100.0 * inside:.1f} % one session ahead lay in their {share(SHOWN_INTERVAL)} interval, {period}."
