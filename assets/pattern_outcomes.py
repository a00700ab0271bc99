"""What happened after every pattern of a year, beside random entries and series without waves."""

import time
import warnings
from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from assets.null_distributions import null_distributions
from assets.patterns import patterns
from assets.pictures import picture
from assets.prices import prices
from assets.progress import Progress
from assets.quarantine import quarantine
from assets.session_run import preview, table_of
from assets.universe import universe
from assets.years import earlier_years, is_current, year_asset
from kernels.outcomes import HORIZONS
from kernels.waves import ScanSettings
from resources.calendar import ALL_SESSIONS, session_number
from resources.contracts import PATTERN_OUTCOME_RATES, PATTERN_OUTCOMES, PATTERNS
from resources.forecast_history import sessions_of_year
from resources.lineage import LOOKBACK, require_inputs
from resources.outcome_plots import outcome_plots
from resources.outcome_rates import rates_markdown, rates_table
from resources.outcome_tables import (
    PRICES,
    RATE_COLUMNS,
    SOURCES,
    SURROGATE,
    Matching,
    joined_rows,
    outcome_rows,
    outcome_table,
)
from resources.parquet_lake import ParquetLake, fingerprint
from resources.pattern_entries import COLUMNS, known_patterns, load_entry_bars, pattern_entries
from resources.price_history import history_sessions, lookback_start, missing_history
from resources.significance import Nulls
from resources.surrogate_patterns import patterns_of_bars, surrogate_bars
from resources.wave_scorer import WaveScorer
from resources.wiring import LakeResource, ScanSettingsResource, WaveScorerResource

CODE_VERSION = "1"
OUTCOMES, RATES = TABLES = PATTERN_OUTCOMES.name, PATTERN_OUTCOME_RATES.name
# Not that of null_distributions: the surrogates tested must not share their draws with those they are tested against.
SEED = 11
COPIES = 10
_PREVIEW = [
    "source",
    "session",
    "symbol",
    "class",
    "status",
    "legs",
    "score",
    "side",
    "target",
    "invalidation",
    "entry",
]


class PatternOutcomesConfig(dg.Config):
    """What patterns are compared with."""

    seed: int = Field(default=SEED, ge=0, le=2**64 - 1, description="Of the random entries and the surrogates.")
    copies: int = Field(default=COPIES, ge=1, le=1000, description="Random entries beside each pattern.")
    surrogates: bool = Field(default=True, description="Whether the same rules are tried on series without waves.")


@dataclass(frozen=True)
class _Asked:
    """One year's work.

    Attributes:
        year: the partition.
        judged: the sessions of the year whose patterns are in the lake, ISO dates.
        missing: how many others it has.
        first: the first session that patterns and surrogates look back on.
        last: the session through which outcomes are seen.
        made_from: fingerprint of everything it is made from.
    """

    year: int
    judged: list[str]
    missing: int
    first: date
    last: date
    made_from: str


def _with_look_ahead(asset: dg.AssetsDefinition) -> dg.AssetDep:
    """A dependency on the sessions from the longest window before the year to the longest horizon after it."""
    with warnings.catch_warnings():
        # Dagster calls this a beta: the year after may still be under way.
        warnings.simplefilter("ignore", dg.BetaWarning)
        mapping = dg.TimeWindowPartitionMapping(
            start_offset=-3, end_offset=1, allow_nonexistent_upstream_partitions=True
        )
    return dg.AssetDep(asset, partition_mapping=mapping)


@year_asset(
    PATTERN_OUTCOMES,
    CODE_VERSION,
    group="waves",
    kinds=("parquet", "numba"),
    deps=[
        dg.AssetDep(patterns, partition_mapping=dg.TimeWindowPartitionMapping()),
        dg.AssetDep(universe, partition_mapping=dg.TimeWindowPartitionMapping()),
        dg.AssetDep(null_distributions, partition_mapping=dg.TimeWindowPartitionMapping()),
        _with_look_ahead(prices),
        _with_look_ahead(quarantine),
    ],
)
def pattern_outcomes(
    context: dg.AssetExecutionContext,
    config: PatternOutcomesConfig,
    lake: LakeResource,
    scan_settings: ScanSettingsResource,
    wave_scorer: WaveScorerResource,
) -> dg.MaterializeResult:
    """What followed the patterns: a row is one of the year's, and whether it reached its target in 21 and 63 sessions.

    A setup is entered at the next open with the wave that it expects, to the nearest target that the close hasn't
    reached, and closed at its invalidation. A confirmed pattern is entered against its last leg: closed at the price of
    its last pivot, or where 38.2 % of the log range of all pivots is retraced from there. Where a bar touches both
    levels, the invalidation counts. Setups without `risk_reward` are left out, and so are patterns whose bars were
    found faulty since.

    Beside each entry stand random ones of the same session and side, in other symbols, with levels as far away in units
    of volatility; and the same rules on a surrogate of each symbol, which has no waves to find. The rates are the table
    `pattern_outcome_rates`: only what doesn't overlap counts, intervals are clustered by session. A position that a
    year hands over to the next is counted once in the rates of all years. Horizons still open are unknown and count
    nowhere; materialise the year again when the sessions are there.
    """
    store = lake.open()
    for key in context.partition_keys:
        began, year = time.monotonic(), int(key)
        nulls = Nulls(store, scan_settings.scan())
        asked = _asked(store, year, config, scan_settings, nulls)
        if asked is None:
            reason = _why_nothing(year)
            context.log.warning(f"pattern_outcomes {year}: nothing is judged: {reason}")
            context.add_asset_metadata({"judged": False, "reason": reason}, partition_key=key)
            continue
        kept = is_current(store, TABLES, key, asked.made_from, CODE_VERSION)
        extra: dict[str, Any] = {"kept": kept, "missing_sessions": asked.missing, "seen_through": str(asked.last)}
        if not kept:
            progress = Progress(context.log.info, f"pattern_outcomes {year}: surrogates", len(asked.judged))
            search = _Search(wave_scorer.open(), scan_settings.scan(), scan_settings.windows().lengths, nulls, progress)
            table, left_out = _judge(store, asked, config, search)
            _write(store, asked, table)
            reasons = [(source, *each) for source, counts in left_out.items() for each in sorted(counts.items())]
            extra |= {
                "seconds": round(time.monotonic() - began, 3),
                "left_out": table_of(("source", "reason", "patterns"), reasons),
            }
        _report(context, store, key, extra)
    return dg.MaterializeResult()


@dataclass(frozen=True)
class _Search:
    """How surrogates are searched."""

    scorer: WaveScorer
    settings: ScanSettings
    lengths: tuple[int, ...]
    nulls: Nulls
    progress: Progress


def _why_nothing(year: int) -> str:
    days = sessions_of_year(year)
    span = f'"dagster/asset_partition_range_start": "{days[0]}", "dagster/asset_partition_range_end": "{days[-1]}"'
    command = f"dagster job execute -m definitions -j daily_sp500 --tags '{{{span}}}'"
    return f"no session of {year} has patterns under the present contract; they are made by {command}"


def _asked(
    lake: ParquetLake, year: int, config: PatternOutcomesConfig, scan_settings: ScanSettingsResource, nulls: Nulls
) -> _Asked | None:
    """What a year is judged on; None if no session of it has patterns."""
    days = sessions_of_year(year)
    found = lake.infos(PATTERNS.name, [str(day) for day in days])
    judged = [key for key, info in found.items() if info.schema_version == str(PATTERNS.version)]
    if not judged:
        return None
    after = session_number(days[-1].item()) + max(HORIZONS)
    limit = str(ALL_SESSIONS[min(after, len(ALL_SESSIONS) - 1)])
    there = lake.stamps("prices").keys() & lake.stamps("quarantine").keys()
    last = date.fromisoformat(max((key for key in there if judged[-1] <= key <= limit), default=judged[-1]))
    oldest = min(lake.stamps("prices"), default=None)
    needed = [str(day) for day in history_sessions(lookback_start(days[0].item(), LOOKBACK), last, oldest)]
    parts: dict[str, object] = {
        "code": (CODE_VERSION, PATTERN_OUTCOMES.version, PATTERN_OUTCOME_RATES.version),
        "config": config.model_dump(),
        "patterns": [(key, found[key].fingerprint) for key in judged],
        "universe": require_inputs(lake, "universe", judged),
        "earlier": lake.fingerprints(OUTCOMES, earlier_years(lake, TABLES, year)),
    }
    for table in ("prices", "quarantine"):
        fingerprints = lake.fingerprints(table, needed)
        missing = [key for key in needed if key not in fingerprints]
        if missing or not needed:
            raise missing_history(table, missing or judged, f"the look-back of {year}, and of what followed")
        parts[table] = [fingerprints[key] for key in needed]
    if config.surrogates:
        parts["null"] = [nulls.fingerprint(date.fromisoformat(key)) for key in judged]
        parts["search"] = (scan_settings.scan(), scan_settings.windows().lengths)
    return _Asked(year, judged, len(days) - len(judged), date.fromisoformat(needed[0]), last, fingerprint(parts))


def _judge(
    lake: ParquetLake, asked: _Asked, config: PatternOutcomesConfig, search: _Search
) -> tuple[pa.Table, dict[str, dict[str, int]]]:
    """The outcomes of a year, and by source why patterns were left out."""
    bars = load_entry_bars(lake, asked.first, asked.last, asked.judged)
    known = pa.concat_tables(
        known_patterns(lake.read(PATTERNS.name, key, COLUMNS), date.fromisoformat(key)) for key in asked.judged
    )
    made = pattern_entries(known, bars)
    tables = [outcome_table(PRICES, made, bars, Matching(config.copies, config.seed))]
    left_out = {PRICES: made.left_out}
    if config.surrogates:
        shuffled = surrogate_bars(bars, config.seed)
        known = patterns_of_bars(
            shuffled,
            asked.judged,
            search.scorer,
            search.settings,
            search.lengths,
            search.nulls,
            search.progress.add,
        )
        made = pattern_entries(known, shuffled)
        tables.append(outcome_table(SURROGATE, made, shuffled, None))
        left_out[SURROGATE] = made.left_out
    return pa.concat_tables(tables), left_out


def _write(lake: ParquetLake, asked: _Asked, table: pa.Table) -> None:
    key, own = str(asked.year), outcome_rows(table)
    earlier = [
        outcome_rows(lake.read(OUTCOMES, year, RATE_COLUMNS)) for year in earlier_years(lake, TABLES, asked.year)
    ]
    rates = rates_table(asked.year, own, joined_rows([*earlier, own]) if earlier else own)
    for name, rows in ((OUTCOMES, table), (RATES, rates)):
        lake.write(name, key, rows, made_from=asked.made_from, code_version=CODE_VERSION)
        lake.settle(name)


def _report(context: dg.AssetExecutionContext, lake: ParquetLake, key: str, extra: dict[str, Any]) -> None:
    table, rates = lake.read(OUTCOMES, key), lake.read(RATES, key)
    metadata: dict[str, Any] = {
        "dagster/partition_row_count": table.num_rows,
        "dagster/uri": lake.uri(OUTCOMES, key),
        **_target_shares(rates),
        "results": _results(table),
        "without_p_value": table["p_value"].null_count,
        "rates": dg.MetadataValue.md(rates_markdown(rates)),
        "preview": preview(table, _PREVIEW),
        **extra,
    }
    if rates.num_rows:
        words = "share that reaches the target, by p-value and score"
        metadata["plots"] = dg.MetadataValue.md(picture(words, outcome_plots(rates)))
    context.add_asset_metadata(metadata, partition_key=key)


def _target_shares(rates: pa.Table) -> dict[str, float]:
    """The shares of the year that touch their target first, and how much more that is than of random entries."""
    chosen = {"through": "year", "by": "all", "measure": "target"}
    shares = {}
    for row in rates.to_pylist():
        if all(row[name] == value for name, value in chosen.items()):
            for name, column in (("target_share", "patterns"), ("target_share_less_random", "difference")):
                if row[column] is not None:
                    shares[f"{row['status']}_{name}_{row['horizon']}"] = row[column]
    return shares


def _results(table: pa.Table) -> dg.TableMetadataValue | str:
    """How many entries of each source have each result, by horizon."""
    counts = {
        (source, horizon): Counter(table.filter(pc.equal(table["source"], source))[f"result_{horizon}"].to_pylist())
        for source in SOURCES
        for horizon in HORIZONS
    }
    results = sorted({result for each in counts.values() for result in each})
    rows = ((*cell, *(each[result] for result in results)) for cell, each in counts.items() if each)
    return table_of(("source", "sessions", *results), rows)
