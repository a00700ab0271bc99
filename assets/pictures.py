"""Charts as pictures in the metadata of assets: what a session's newest patterns, forecasts and simulations look like.

The UI shows no SVG, so a chart is a PNG in base64 inside Markdown.
"""

import base64
import re
from collections.abc import Iterable
from datetime import date
from html import unescape

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kernels.panel import Float64Array1D, PricePanel
from kernels.strategies import expected_returns
from kernels.volatility import DEFAULT_LEVELS
from resources.charts import (
    Points,
    ReliabilityChart,
    fan_chart,
    fan_chart_of,
    png_of,
    reliability_chart,
    wave_chart,
    wave_chart_of,
)
from resources.charts.fan_chart import HISTORY
from resources.charts.wave_rows import COLUMNS
from resources.contracts import quantile_column
from resources.lineage import LOOKBACK
from resources.parquet_lake import ParquetLake
from resources.pick_tables import PICK_HORIZON
from resources.report.ranking import best_first, distinct

WIDTH, HEIGHT, PIXELS = 760, 340, 900
"""Of a chart, and how many pixels wide its picture is: so wide is the dialog of the UI, and each takes 0.1 s."""

SHOWN = 2
"""Patterns of each status, and forecasts."""

STRATEGIES_SHOWN = 24

_CANDIDATES = 64
"""Patterns looked at for the shown ones: on the very same pivots there is at most one of each class."""

_MARKDOWN = re.compile(r"([\\`*_~\[\]<>&!|])")
_QUANTILES = tuple(quantile_column(level) for level in DEFAULT_LEVELS)

Shown = dg.MarkdownMetadataValue | str


def picture(words: str, png: bytes) -> str:
    """A PNG as Markdown; `words` say what it shows to those who can't see it."""
    escaped, data = _MARKDOWN.sub(r"\\\1", words), base64.b64encode(png).decode("ascii")
    return f"![{escaped}](data:image/png;base64,{data})"


def pictures(charts: Iterable[str]) -> Shown:
    """Charts one below the other, each described by its own title."""
    shown = [picture(_title(svg), png_of(svg, PIXELS)) for svg in charts]
    return dg.MetadataValue.md("\n\n".join(shown)) if shown else "nothing to show"


def _title(svg: str) -> str:
    return unescape(svg.partition("<title>")[2].partition("</title>")[0])


def pattern_pictures(lake: ParquetLake, key: str) -> Shown:
    """The confirmed patterns and the setups of a session that are least like chance, in the order of the report."""
    table = lake.read("patterns", key, COLUMNS)
    rows = [row for status in ("confirmed", "setup") for row in _least_like_chance(table, status)]
    if not rows:
        return pictures([])
    panel = _panel(lake, key, (row["symbol"] for row in rows), LOOKBACK - 1)
    names = _names(lake, key)
    charts = []
    for row in rows:
        own = table.filter(pc.equal(table["symbol"], row["symbol"]))
        charts.append(wave_chart_of(own, row["pattern_id"], panel, name=names.get(row["symbol"], "")))
    return pictures(wave_chart(chart, width=WIDTH, height=HEIGHT) for chart in charts)


def _least_like_chance(table: pa.Table, status: str) -> list[dict[str, object]]:
    # Columns of lists are slow to sort along, so only the rows that may be shown are taken from them.
    ranked = table.select(["status", "p_value", "score", "pattern_id"])
    ranked = ranked.append_column("row", pa.array(np.arange(table.num_rows)))
    return distinct(table.take(best_first(ranked, status)["row"].slice(0, _CANDIDATES)), SHOWN)


def forecast_pictures(lake: ParquetLake, key: str) -> Shown:
    """The forecasts of a session with the largest expected move for their volatility, up or down, at the horizon of
    the picks.
    """
    table = lake.read("forecasts", key, ("symbol", "horizon", "volatility", "model", *_QUANTILES))
    ahead = table.filter(pc.equal(table["horizon"], PICK_HORIZON))
    quantiles = np.stack([_numbers(ahead, name) for name in _QUANTILES], axis=1)
    volatility = _numbers(ahead, "volatility")
    moves = np.abs(expected_returns(np.ascontiguousarray(quantiles))) / np.where(volatility > 0.0, volatility, np.nan)
    symbols = np.array(ahead["symbol"].to_pylist(), dtype=np.str_)
    order = np.lexsort((symbols, -moves))
    chosen = symbols[order[np.isfinite(moves[order])][:SHOWN]].tolist()
    if not chosen:
        return pictures([])
    panel, names = _panel(lake, key, chosen, HISTORY), _names(lake, key)
    charts = (fan_chart_of(table, symbol, panel, name=names.get(symbol, "")) for symbol in chosen)
    return pictures(fan_chart(chart, width=WIDTH, height=HEIGHT) for chart in charts)


def simulation_picture(traded: pa.Table) -> Shown:
    """The Sharpe ratios with the best deflated ones of a session, with their intervals.

    Args:
        traded: what `traded_strategies` found.
    """
    table = traded.slice(0, STRATEGIES_SHOWN)
    if not table.num_rows:
        return pictures([])
    strategies = np.array(table["strategy"].to_pylist(), dtype=np.str_)
    columns = [_numbers(table, name) for name in ("deflated_sharpe", "sharpe_252", "sharpe_low", "sharpe_high")]
    first = table.slice(0, 1).to_pylist()[0]
    chart = ReliabilityChart(
        title="Simulations with the best deflated Sharpe ratios",
        x_name="deflated Sharpe ratio",
        y_name="annualised Sharpe ratio with its 95 % interval",
        points=tuple(
            Points(name, *(np.ascontiguousarray(column[strategies == name]) for column in columns))
            for name in sorted(set(strategies.tolist()))
        ),
        reference=0.0,
        facts=(
            f"best: {first['symbol']}, {first['strategy']}",
            f"of {traded.num_rows:,} that traded some look good by chance",
        ),
    )
    return pictures([reliability_chart(chart, width=WIDTH, height=HEIGHT)])


def traded_strategies(lake: ParquetLake, key: str) -> pa.Table:
    """The strategies that traded in the simulations of a session, benchmarks apart, the best deflated Sharpe first."""
    columns = (
        "symbol", "strategy", "hurdle", "trades", "sharpe_252", "sharpe_low", "sharpe_high", "deflated_sharpe",
    )  # fmt: skip
    table = lake.read("simulations", key, columns)
    table = table.filter(pc.and_(pc.is_valid(table["hurdle"]), pc.is_valid(table["deflated_sharpe"])))
    order = [("deflated_sharpe", "descending"), ("symbol", "ascending"), ("strategy", "ascending")]
    return table.drop_columns("hurdle").sort_by(order)


def _panel(lake: ParquetLake, key: str, symbols: Iterable[str], sessions: int) -> PricePanel:
    return lake.panel(date.fromisoformat(key), sessions, sorted(set(symbols)))


def _names(lake: ParquetLake, key: str) -> dict[str, str]:
    """Symbol -> company."""
    table = lake.read("universe", key, ["symbol", "name"])
    return dict(zip(table["symbol"].to_pylist(), table["name"].to_pylist(), strict=True))


def _numbers(table: pa.Table, name: str) -> Float64Array1D:
    """A column as float64, null as NaN."""
    return table[name].to_numpy().astype(np.float64)
