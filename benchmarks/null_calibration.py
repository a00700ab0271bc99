"""Whether p-values and q-values of wave counts mean what they say.

Run from the project root: `python -m benchmarks.null_calibration LAKE [--json PATH]`. The lake needs 756 sessions of
real prices. Everything is drawn from seeds.

As the product does, a p-value is that of the best pattern of a cell (1 where there is none) against the surrogates of
all rows together, and confirmed patterns of all cells and rows are one family of q-values.
"""

from __future__ import annotations

import argparse
import time
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.machine import machine, report
from benchmarks.planted_waves import Bars, Scores, Session, false_share, gjr_bars, market_bars, of_plants, session_of
from kernels.discovery import q_values
from kernels.nulls import NullHistograms, null_histograms, p_values, pooled
from kernels.panel import Float64Array1D, Float64Array2D, PricePanel
from kernels.surrogates import NULLS, Null, surrogates
from kernels.volatility import fit_gjr
from kernels.volatility.gjr import GjrParameters
from kernels.waves import CLASS_NAMES, SPAN_BUCKETS, best_scores

SESSIONS, QUARTER, QUARTERS, SEED = 504, 63, 4, 11
ROWS_AT_A_TIME = 64
TESTED_FROM = 1_000_000
"""Number of the first surrogate that is tested; those that are counted come before it."""

CONFIRMED = slice(0, len(CLASS_NAMES))
LEVELS = 0.05, 0.01, 0.001
RATE = 0.1
"""The q up to which a cell is a discovery."""

DRAWS, STRATA, EXTREMES = 1000, 5, 5
MARKETS, MARKET_ROWS = 20, 20
PLANTED_ROWS, PLANTED_SHARE = 400, 0.1
CLEANLINESS = 0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0


def main() -> None:
    """Measure, print and, on request, write."""
    parser = argparse.ArgumentParser(description="Calibration of p-values and q-values.")
    parser.add_argument("lake", help="folder of a lake with 756 sessions of prices")
    parser.add_argument("--surrogates", type=int, default=20, help="of each series, counted and tested")
    parser.add_argument("--sessions", type=int, default=60, help="sessions with planted waves")
    parser.add_argument("--json", type=Path, help="file to write the numbers to")
    asked = parser.parse_args()
    # Imported only here: the rest runs where no lake can be read.
    from resources.parquet_lake import open_lake

    began = time.perf_counter()
    lake = open_lake(asked.lake)
    days = lake.partitions("quarantine")[-1 - QUARTERS * QUARTER :: QUARTER]
    panels = [lake.panel(date.fromisoformat(day), SESSIONS) for day in days]
    real = [whole_rows(panel) for panel in panels]
    symbols = np.array(panels[0].symbols)[np.isfinite(panels[0].close).all(axis=1)]
    result: dict[str, object] = {"machine": machine(), "sessions": days, "bars": SESSIONS}
    result["series"] = [len(bars.close) for bars in real]
    result |= surrogates_of_real_series(real, symbols, asked.surrogates)
    result["simulated_markets"] = simulated_markets(asked.surrogates)
    result["planted_waves"] = planted_waves(asked.sessions, (5, 25, 250))
    result["seconds"] = round(time.perf_counter() - began)
    report(result, asked.json)


def whole_rows(panel: PricePanel) -> Bars:
    """The bars of the symbols that have one on every session."""
    whole = np.isfinite(panel.close).all(axis=1)
    fields = panel.open, panel.high, panel.low, panel.close
    return Bars(*(np.ascontiguousarray(values[whole]) for values in fields))


class Pool(NamedTuple):
    """Surrogates of rows: all together, and by label (`strata`, one for each row of labels and each label)."""

    together: NullHistograms
    strata: list[list[NullHistograms]]


def pool_of(
    bars: Bars,
    null: Null,
    count: int,
    *,
    seed: int = SEED,
    first: int = 0,
    labels: npt.NDArray[np.int64] | None = None,
) -> Pool:
    """Count the surrogates of rows, a few rows at a time; labels int64 [G, R] from 0 to `STRATA` - 1 ask for strata."""
    parameters = parameters_of(bars, null)
    keys = np.arange(len(bars.close), dtype=np.int64)
    parts = []
    labels = np.zeros((0, len(keys)), np.int64) if labels is None else labels
    by_label: list[list[list[NullHistograms]]] = [[[] for _ in range(STRATA)] for _ in labels]
    for start in range(0, len(keys), ROWS_AT_A_TIME):
        rows = slice(start, start + ROWS_AT_A_TIME)
        found = null_histograms(
            *Bars(*(values[rows] for values in bars)),
            keys[rows],
            surrogates=count,
            first=first,
            null=null,
            seed=seed,
            parameters=parameters,
        )
        parts.append(pooled(found))
        for group, lists in enumerate(by_label):
            for label in range(STRATA):
                chosen = found.counts[labels[group, rows] == label]
                lists[label].append(pooled(NullHistograms(chosen, found.buckets, found.backend, found.reason)))
    return Pool(added(parts), [[added(each) for each in lists] for lists in by_label])


def added(parts: list[NullHistograms]) -> NullHistograms:
    """The sum of pooled histograms."""
    counts = np.sum([part.counts for part in parts], axis=0)
    return NullHistograms(counts, parts[0].buckets, parts[0].backend, parts[0].reason)


def parameters_of(bars: Bars, null: Null) -> GjrParameters | None:
    """The GJR parameters of the null that needs them."""
    return fit_gjr(bars.close, 0, bars.close.shape[1] - 1)[0] if null == "gjr" else None


def surrogate_scores(bars: Bars, null: Null, count: int, *, seed: int = SEED) -> Scores:
    """Best scores of surrogates that `pool_of` hasn't counted [R, count, stages, 2, buckets]."""
    parameters = parameters_of(bars, null)
    keys = np.arange(len(bars.close), dtype=np.int64)
    found = []
    for number in range(TESTED_FROM, TESTED_FROM + count):
        numbers = np.array([number], np.int32)
        made = surrogates(*bars, keys, numbers, null=null, seed=seed, parameters=parameters, backend="cpu")
        found.append(best_scores(made.low[:, 0], made.high[:, 0]).score)
    return np.stack(found, axis=1)


def cell_p_values(pool: NullHistograms, score: Scores) -> Scores:
    """The p-value of each cell, 1 where it has no pattern."""
    found = np.ones(score.shape)
    there = np.isfinite(score)
    stage, side, bucket = np.nonzero(there)[-3:]
    found[there] = p_values(
        pool,
        row=np.zeros(len(stage), np.int64),
        stage=stage,
        direction=1 - 2 * side,
        span=np.array(SPAN_BUCKETS)[bucket],
        score=score[there],
    )
    return found


def cell_q_values(p_value: Scores) -> Scores:
    """The q-value of each cell of a session, of one family."""
    tests = np.arange(p_value.size, dtype=np.int64)
    return q_values(p_value.ravel(), tests, p_value.size).reshape(p_value.shape)


def shares(p_value: Scores, cluster: npt.NDArray[np.int64] | None = None) -> dict[str, object]:
    """Shares of small p-values of cells [R, ..., stages, 2, buckets], with 95 % intervals.

    The intervals draw clusters of rows again: rows that share a market, or each row for itself if None.
    """
    cluster = np.arange(len(p_value)) if cluster is None else cluster
    columns = {f"p<={level}": p_value <= level for level in LEVELS}
    for side, name in enumerate(("upward", "downward")):
        columns[f"p<={LEVELS[0]}, {name}"] = p_value[..., side, :] <= LEVELS[0]
    for bucket, edge in enumerate(SPAN_BUCKETS):
        columns[f"p<={LEVELS[0]}, spans to {edge}"] = p_value[..., bucket] <= LEVELS[0]
    by_row = np.stack([small.reshape(len(small), -1).mean(axis=1) for small in columns.values()])
    by_cluster = np.stack([by_row[:, cluster == each].mean(axis=1) for each in np.unique(cluster)])
    rng = np.random.default_rng(SEED)
    count = len(by_cluster)
    drawn = np.stack([by_cluster[rng.integers(count, size=count)].mean(axis=0) for _ in range(DRAWS)])
    table = np.stack([by_cluster.mean(axis=0), *np.quantile(drawn, (0.025, 0.975), axis=0)], axis=1)
    return dict(zip(columns, np.round(table, 5).tolist(), strict=True))


def families(p_value: Scores, cluster: npt.NDArray[np.int64] | None = None) -> dict[str, object]:
    """Shares of confirmed patterns and of setups."""
    confirmed = shares(p_value[..., CONFIRMED, :, :], cluster)
    return {"confirmed": confirmed, "setups": shares(p_value[..., CONFIRMED.stop :, :, :], cluster)}


def surrogates_of_real_series(real: list[Bars], symbols: npt.NDArray[np.str_], count: int) -> dict[str, object]:
    """Surrogates of real series, and real series of later quarters, against each null; and whether pooling holds."""
    calibrated = real[0]
    traits = traits_of(calibrated)
    labels = np.stack([strata_of(values) for values in traits.values()])
    pools = {null: pool_of(calibrated, null, count, labels=labels) for null in NULLS}
    tested = {null: surrogate_scores(calibrated, null, count) for null in NULLS}
    uniform = {
        null: {other: families(cell_p_values(pools[null].together, tested[other])) for other in NULLS} for null in NULLS
    }
    scores = [best_scores(bars.low, bars.high).score for bars in real]
    later = {
        null: {
            f"{quarter}_quarters_later": families(cell_p_values(pools[null].together, score))
            for quarter, score in enumerate(scores)
        }
        for null in NULLS
    }
    pooling = {null: spread_over_series(pools[null], tested[null], symbols, labels, list(traits)) for null in NULLS}
    return {"surrogates_of_others": uniform, "real_series": later, "pooling": pooling}


def traits_of(bars: Bars) -> dict[str, Float64Array1D]:
    """What might make one series' surrogates score as another's don't [R] each."""
    returns = np.diff(np.log(bars.close), axis=1)
    deviation = returns.std(axis=1)
    centred = returns - returns.mean(axis=1, keepdims=True)
    return {
        "drift_over_volatility": returns.mean(axis=1) / deviation,
        "range_over_volatility": np.log(bars.high / bars.low).mean(axis=1) / deviation,
        "kurtosis": (centred**4).mean(axis=1) / deviation**4,
    }


def strata_of(values: Float64Array1D) -> npt.NDArray[np.int64]:
    """The fifth of the rows that each belongs to, int64 [R]."""
    return np.searchsorted(np.quantile(values, np.arange(1, STRATA) / STRATA), values)


def spread_over_series(
    pool: Pool, score: Scores, symbols: npt.NDArray[np.str_], labels: npt.NDArray[np.int64], names: list[str]
) -> dict[str, object]:
    """How far the share of p <= .05 of single series is from that of all, beyond sampling, pooled and stratified."""
    together = cell_p_values(pool.together, score)[:, :, CONFIRMED] <= LEVELS[0]
    by_row = together.mean(axis=(1, 2, 3, 4))
    order = np.argsort(by_row)
    by_stratum = {}
    for group, name in enumerate(names):
        small = np.empty(together.shape, np.bool_)
        for label in range(STRATA):
            rows = labels[group] == label
            small[rows] = cell_p_values(pool.strata[group][label], score[rows])[:, :, CONFIRMED] <= LEVELS[0]
        by_stratum[name] = deviations(small) | {
            "shares_of_strata_if_pooled": [round(by_row[labels[group] == label].mean(), 4) for label in range(STRATA)]
        }
    return {
        "together": deviations(together),
        "stratified": by_stratum,
        "lowest": {str(symbols[row]): round(by_row[row], 4) for row in order[:EXTREMES]},
        "highest": {str(symbols[row]): round(by_row[row], 4) for row in order[-EXTREMES:]},
        "quantiles_of_series_05_50_95": np.round(np.quantile(by_row, (0.05, 0.5, 0.95)), 4).tolist(),
    }


def deviations(small: npt.NDArray[np.bool_]) -> dict[str, object]:
    """True standard deviation over series of the share of small p-values: what two halves of surrogates share.

    Args:
        small: bool [R, surrogates, stages, 2, buckets].
    """
    halves = np.stack([small[:, half::2].mean(axis=(1, 2)) for half in (0, 1)])

    def true_deviation(share: Float64Array2D) -> float:
        return round(float(np.sqrt(max(np.cov(share)[0, 1], 0.0))), 5)

    return {
        "all": true_deviation(halves.mean(axis=(2, 3))),
        "upward": true_deviation(halves[:, :, 0].mean(axis=2)),
        "downward": true_deviation(halves[:, :, 1].mean(axis=2)),
    }


def simulated_markets(count: int) -> dict[str, object]:
    """Series without waves, against surrogates of others like them, drawn by other seeds, and of themselves.

    Rows of one market share its history, which moves them all: so there are many markets, and they are the clusters.
    """
    counted, tested = market_seeds(0), market_seeds(MARKETS)
    markets = [markets_of(seeds) for seeds in (counted, tested)]
    rows = [gjr_bars(int(seed), MARKETS * MARKET_ROWS, SESSIONS) for seed in (counted[0], tested[0])]
    cluster = np.repeat(tested, MARKET_ROWS)
    of_markets, of_rows = (best_scores(bars.low, bars.high).score for bars in (markets[1], rows[1]))
    found: dict[str, object] = {}
    for null in NULLS:
        by_itself = []
        for market in range(MARKETS):
            part = slice(market * MARKET_ROWS, (market + 1) * MARKET_ROWS)
            own = pool_of(Bars(*(values[part] for values in markets[1])), null, count).together
            by_itself.append(cell_p_values(own, of_markets[part]))
        among_others = cell_p_values(pool_of(markets[0], null, count).together, of_markets)
        by_market = (among_others[:, CONFIRMED] <= LEVELS[0]).reshape(MARKETS, -1).mean(axis=1)
        found[null] = {
            "markets": families(among_others, cluster),
            "confirmed, lowest and highest market": np.round([by_market.min(), by_market.max()], 5).tolist(),
            f"each market by {count * MARKET_ROWS} surrogates of its own": families(np.concatenate(by_itself), cluster),
            "independent_gjr": families(cell_p_values(pool_of(rows[0], null, count).together, of_rows)),
        }
    return found


def market_seeds(first: int) -> npt.NDArray[np.int64]:
    """Seeds of `MARKETS` markets, from the one with this number on."""
    return SEED + first + np.arange(MARKETS)


def markets_of(seeds: npt.NDArray[np.int64]) -> Bars:
    """Some rows of each of several markets."""
    made = [market_bars(int(seed), MARKET_ROWS, SESSIONS) for seed in seeds]
    return Bars(*(np.concatenate(fields) for fields in zip(*made, strict=True)))


def planted_waves(sessions: int, surrogates_of_each: tuple[int, ...]) -> dict[str, object]:
    """False discoveries and power over sessions with planted waves, by cleanliness and by surrogates counted."""
    calibrated = markets_of(market_seeds(0))
    rows_counted = len(calibrated.close)
    pools, counted = {}, [0, *surrogates_of_each]
    parts = []
    for first, stop in pairwise(counted):
        parts.append(pool_of(calibrated, "block", stop - first, first=first).together)
        pools[stop * rows_counted] = added(parts)
    rows: dict[tuple[float, int], list[tuple[float, ...]]] = {}
    setups = 0
    for number in range(sessions):
        background = market_bars(int(market_seeds(MARKETS)[0]) + number, PLANTED_ROWS, SESSIONS)
        score = best_scores(background.low, background.high).score
        setups += int((cell_q_values(cell_p_values(added(parts), score)[:, CONFIRMED.stop :]) <= RATE).any())
        for cleanliness in CLEANLINESS:
            session = session_of(background, score, share=PLANTED_SHARE, cleanliness=cleanliness, seed=number)
            for total, pool in pools.items():
                rows.setdefault((cleanliness, total), []).append(judged(session, pool, planted=cleanliness > 0))
    table = {
        f"cleanliness {cleanliness}": {f"{total} surrogates": summary(rows[cleanliness, total]) for total in pools}
        for cleanliness in CLEANLINESS
    }
    return {
        "sessions": sessions,
        "rows": PLANTED_ROWS,
        "rows_with_a_plant": round(PLANTED_ROWS * PLANTED_SHARE),
        "cells_in_the_family": PLANTED_ROWS * len(CLASS_NAMES) * 2 * len(SPAN_BUCKETS),
        "discovery": f"q <= {RATE}",
        "sessions_without_plants_in_which_a_setup_is_discovered": setups,
        **table,
    }


def judged(session: Session, pool: NullHistograms, *, planted: bool) -> tuple[float, ...]:
    """False share of the discoveries, discoveries, shares of plants with a small q and p, median p of plants.

    Where nothing is planted every discovery is false, and the places of the plants show what chance finds there.
    """
    p_value = cell_p_values(pool, session.score)[:, CONFIRMED]
    q_value = cell_q_values(p_value)
    found, own = q_value <= RATE, of_plants(session, p_value)
    false = false_share(session, found) if planted else float(found.any())
    by_q, by_p = (of_plants(session, q_value) <= RATE).mean(), (own <= LEVELS[0]).mean()
    return false, float(found.sum()), float(by_q), float(by_p), float(np.median(own))


def summary(rows: list[tuple[float, ...]]) -> dict[str, object]:
    """Means over sessions, that of the false share with its 95 % interval."""
    false, found, by_q, by_p, median = np.array(rows).T
    error = 1.96 * false.std(ddof=1) / np.sqrt(len(false))
    return {
        "false_share": np.round([false.mean(), false.mean() - error, false.mean() + error], 4).tolist(),
        "discoveries": round(float(found.mean()), 1),
        f"plants_with_q<={RATE}": round(float(by_q.mean()), 4),
        f"plants_with_p<={LEVELS[0]}": round(float(by_p.mean()), 4),
        "median_p_of_plants": float(f"{median.mean():.2g}"),
    }


if __name__ == "__main__":
    main()
