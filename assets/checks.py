"""What is checked of each session's tables, and what stops the assets that come after.

A bad bar is quarantined and warned about; it doesn't stop the other symbols. A check blocks where the next asset would
be wrong: most members have no good bar, a bad bar isn't quarantined, scores or quantiles out of order. A run over a
range has one result for each check, with a table of the sessions that didn't pass.
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.check_run import Finding, SessionCheck, SessionTables, checks_of, listed
from assets.forecasts import forecasts
from assets.patterns import patterns
from assets.prices import prices
from assets.quarantine import quarantine
from assets.windows import windows
from kernels.volatility import DEFAULT_LEVELS
from resources.contracts import quantile_column

LEAST_COVERAGE = 0.5
ORDER_TOLERANCE = 1e-9


def _coverage(tables: SessionTables) -> Finding:
    members = set(tables["universe"]["symbol"].to_pylist())
    bars = tables["prices"]
    good = set(bars.filter(pc.and_(*_finite(bars)))["symbol"].to_pylist()) & members
    share = len(good) / len(members) if members else 0.0
    words = f"{len(good)} of {len(members)} members have a bar ({share:.1%}; at least {LEAST_COVERAGE:.0%} needed)"
    return Finding(share >= LEAST_COVERAGE, words, {"rows": bars.num_rows, "members": len(members), "coverage": share})


def _finite(bars: pa.Table) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    return pc.fill_null(pc.is_finite(bars["close"]), False), pc.fill_null(pc.is_finite(bars["open"]), False)


def _missing(tables: SessionTables) -> Finding:
    """Who should have a bar and hasn't: who had one lately, and, where the source knows since when, every member."""
    universe, entries = tables["universe"], tables["quarantine"]
    known = universe.filter(pc.is_valid(universe["member_from"]))
    lately = entries.filter(pc.equal(entries["kind"], "missing_bar"))
    expected = set(known["symbol"].to_pylist()) | set(lately["symbol"].to_pylist())
    absent = expected - set(tables["prices"]["symbol"].to_pylist())
    words = f"no bar: {listed(absent)}" if absent else "everyone who is expected to have a bar has one"
    return Finding(not absent, words, {"missing": len(absent)})


def _of_kinds(*kinds: str) -> Callable[[SessionTables], Finding]:
    """Passes when the session's quarantine has no entry of these kinds."""

    def find(tables: SessionTables) -> Finding:
        entries = tables["quarantine"]
        entries = entries.filter(pc.is_in(entries["kind"], pa.array(kinds)))
        told = {f"{row['symbol']} {row['session']}: {row['reason']}" for row in entries.to_pylist()}
        return Finding(not told, listed(told) if told else "none", {"bars": entries.num_rows})

    return find


def _quarantine_complete(tables: SessionTables) -> Finding:
    bars = tables["prices"]
    four = np.stack([bars[field].to_numpy() for field in ("open", "high", "low", "close")])
    with np.errstate(invalid="ignore"):
        slack = ORDER_TOLERANCE * np.abs(four).max(axis=0)
        good = np.isfinite(four).all(axis=0) & (four > 0).all(axis=0)
        good &= (four.max(axis=0) <= four[1] + slack) & (four.min(axis=0) >= four[2] - slack)
    bad = set(np.array(bars["symbol"].to_pylist(), dtype=np.str_)[~good].tolist())
    entries = tables["quarantine"]
    entries = entries.filter(entries["excluded"])
    today = pc.equal(entries["session"], entries["known_on"])
    loose = bad - set(entries.filter(today)["symbol"].to_pylist())
    words = f"bad bars not quarantined: {listed(loose)}" if loose else f"all {len(bad)} bad bars are quarantined"
    return Finding(not loose, words, {"bad_bars": len(bad), "loose": len(loose)})


def _windows_rows(tables: SessionTables) -> Finding:
    table = tables["windows"]
    kept = pc.sum(table["kept"]).as_py() or 0
    scored = len(table) - table["pre_score"].null_count
    words = f"{kept} of {table.num_rows} windows kept, {scored} with a pre-score"
    return Finding(kept > 0 or not table.num_rows, words, {"rows": table.num_rows, "kept": kept, "scored": scored})


def _pattern_scores(tables: SessionTables) -> Finding:
    scores = tables.column("patterns", "score").to_numpy()
    bad = int((~((scores >= 0) & (scores <= 1))).sum())
    words = f"{bad} of {len(scores)} scores outside [0, 1]" if bad else f"all {len(scores)} scores lie in [0, 1]"
    return Finding(not bad, words, {"rows": len(scores), "best_score": float(scores.max(initial=0.0))})


def _quantile_order(tables: SessionTables) -> Finding:
    table = tables["forecasts"]
    quantiles = np.stack([table[quantile_column(level)].to_numpy() for level in DEFAULT_LEVELS], axis=1)
    with np.errstate(invalid="ignore"):
        crossed = (np.diff(quantiles, axis=1) < 0).any(axis=1)
    symbols = np.array(table["symbol"].to_pylist(), dtype=np.str_)
    known = int(np.isfinite(quantiles).all(axis=1).sum())
    words = (
        f"quantiles cross: {listed(set(symbols[crossed]))}" if crossed.any() else f"{known} rows of quantiles in order"
    )
    return Finding(not crossed.any(), words, {"rows": table.num_rows, "with_quantiles": known})


def _trained_before(tables: SessionTables) -> Finding:
    return _seen_before(tables, "forecasts", "trained_through", "by a model")


def _null_before(tables: SessionTables) -> Finding:
    return _seen_before(tables, "patterns", "null_through", "compared with a null model")


def _seen_before(tables: SessionTables, table: str, column: str, words: str) -> Finding:
    """Whether what a row is made from ends before the row's session."""
    through = tables.column(table, column)
    late = pc.fill_null(pc.greater_equal(through, tables.column(table, "session")), False)
    count = pc.sum(pc.cast(late, pa.int64())).as_py() or 0
    known = len(through) - through.null_count
    told = (
        f"{count} rows {words} that has seen their session or a later one"
        if count
        else f"{known} rows {words} that ends before their session, {through.null_count} not"
    )
    return Finding(not count, told, {"rows": len(through), "known": known, "late": count})


CHECKS = [
    checks_of(
        prices,
        [
            SessionCheck("coverage", "At least half of the members have a bar.", True, _coverage),
        ],
    ),
    checks_of(
        quarantine,
        [
            SessionCheck(
                "quarantine_complete",
                "Every bar with a bad price or a broken order is quarantined on its own session.",
                True,
                _quarantine_complete,
            ),
            SessionCheck(
                "missing_symbols",
                "Every member that traded lately, or that the source knows to be one, has a bar.",
                False,
                _missing,
            ),
            SessionCheck(
                "ohlc_order",
                "Low <= open, close <= high in every bar, within a relative 1e-9.",
                False,
                _of_kinds("ohlc_order"),
            ),
            SessionCheck(
                "positive_prices",
                "Every price is there, positive and finite.",
                False,
                _of_kinds("null_price", "nonpositive_price"),
            ),
            SessionCheck(
                "stale_or_repeated_bars",
                "No bar repeats another session, no close comes back a day later, and shares were traded.",
                False,
                _of_kinds("repeated_bar", "suspect_close", "zero_volume"),
            ),
            SessionCheck(
                "unexplained_moves",
                "No one-day move beyond a robust threshold without a recorded split or dividend.",
                False,
                _of_kinds("unexplained_move"),
            ),
        ],
    ),
    checks_of(windows, [SessionCheck("kept_windows", "At least one window is kept.", False, _windows_rows)]),
    checks_of(
        patterns,
        [
            SessionCheck("score_range", "Every score lies in [0, 1].", True, _pattern_scores),
            SessionCheck("null_before", "No null model has seen the session that it judges.", True, _null_before),
        ],
    ),
    checks_of(
        forecasts,
        [
            SessionCheck("quantile_order", "No quantiles cross.", True, _quantile_order),
            SessionCheck(
                "trained_before", "No model has seen the session that it forecasts from.", True, _trained_before
            ),
        ],
    ),
]
