"""The contracts of the tables of forecasts and of their scores."""

import pyarrow as pa

from kernels.forecast import BASELINES, DEFAULT_INTERVALS
from kernels.volatility import DEFAULT_LEVELS
from resources.table_contract import SESSION_COLUMN, SYMBOL_COLUMN, Column, Contract


def quantile_column(level: float) -> str:
    """The column of one quantile level, in thousandths: 0.025 -> "q025"."""
    return f"q{round(level * 1000):03d}"


FORECASTS = Contract(
    "forecasts",
    1,
    "session",
    ("symbol", "horizon"),
    (
        SESSION_COLUMN,
        SYMBOL_COLUMN,
        Column("horizon", pa.int16(), "sessions ahead", low=1),
        *(
            Column(quantile_column(level), pa.float64(), f"{level:g} quantile of the log return to the horizon", True)
            for level in DEFAULT_LEVELS
        ),
        Column("volatility", pa.float64(), "standard deviation of the log return to the horizon", True, 0.0),
        Column("residuals", pa.int32(), "residuals that the quantiles rest on", low=0),
        Column("status", pa.string(), "ok, or why there are no quantiles"),
        Column("model", pa.string(), "model id"),
        Column("trained_through", pa.date32(), "last session the model was trained on; null if untrained", True),
    ),
)


def interval_column(name: str, interval: float) -> str:
    """The column of a value at one central interval, in percent: inside, 0.9 -> "inside_90"."""
    return f"{name}_{round(interval * 100):02d}"


def baseline_column(name: str, baseline: str) -> str:
    """The column of a value against one baseline: skill, gjr-fhs -> "skill_gjr_fhs"."""
    return f"{name}_{baseline.replace('-', '_')}"


_HORIZON = Column("horizon", pa.int16(), "sessions ahead", low=1)
_MODEL = Column("model", pa.string(), "name of the model")
_COUNTS = pa.list_(pa.field("element", pa.int64(), False))
_PIT = (
    f"how many outcomes lie up to the {DEFAULT_LEVELS[0]:g} quantile, between each and the next, above the "
    f"{DEFAULT_LEVELS[-1]:g} quantile: {len(DEFAULT_LEVELS) + 1} counts"
)

FORECAST_SCORES = Contract(
    "forecast_scores",
    1,
    None,
    ("session", "horizon", "model"),
    (
        Column("session", pa.date32(), "session of the origins"),
        _HORIZON,
        _MODEL,
        Column("origins", pa.int64(), "symbols judged: those that all models know", low=1),
        Column("crps", pa.float64(), "mean continuous ranked probability score, in log return", low=0.0),
        *(
            Column(
                interval_column("inside", interval),
                pa.float64(),
                f"share of the outcomes inside the central {interval:.0%} interval",
                low=0.0,
                high=1.0,
            )
            for interval in DEFAULT_INTERVALS
        ),
        Column("qlike", pa.float64(), "mean loss of the volatility, ln s^2 + y^2 / s^2"),
        Column("rank_ic", pa.float64(), "rank correlation of median and outcome; null without one", True, -1.0, 1.0),
        Column("pit", _COUNTS, _PIT),
    ),
)

FORECAST_SKILL = Contract(
    "forecast_skill",
    1,
    None,
    ("period", "horizon", "model"),
    (
        Column("period", pa.string(), "year or years of the origins: 2016, or 2015-2017"),
        _HORIZON,
        _MODEL,
        Column("days", pa.int64(), "sessions with an origin", low=1),
        Column("origins", pa.int64(), "judged: those that all models know", low=1),
        Column("known", pa.int64(), "origins with an outcome that the model knows by itself", low=1),
        Column("crps", pa.float64(), "mean continuous ranked probability score, in log return", low=0.0),
        *(
            column
            for baseline in BASELINES
            for column in (
                Column(
                    baseline_column("skill", baseline),
                    pa.float64(),
                    f"CRPS skill over {baseline} in percent; null without that baseline",
                    True,
                    high=100.0,
                ),
                Column(
                    baseline_column("t", baseline),
                    pa.float64(),
                    f"t of Diebold and Mariano on daily means, below 0 = better than {baseline}; null if not testable",
                    True,
                ),
                Column(baseline_column("p", baseline), pa.float64(), "its two-sided p-value", True, 0.0, 1.0),
            )
        ),
        *(
            column
            for interval in DEFAULT_INTERVALS
            for column in (
                Column(
                    interval_column("coverage", interval),
                    pa.float64(),
                    f"share of the outcomes inside the central {interval:.0%} interval",
                    low=0.0,
                    high=1.0,
                ),
                Column(
                    interval_column("coverage_t", interval),
                    pa.float64(),
                    f"t of the daily share less {interval:g}, below 0 = too narrow; null if not testable",
                    True,
                ),
            )
        ),
        Column("tested", pa.int64(), "symbols, once for each year, that took the tests of coverage", low=0),
        *(
            Column(
                interval_column(f"{test}_rejected", interval),
                pa.float64(),
                f"share of them that the test of {test.capitalize()} rejects at 5 %; null if none was tested",
                True,
                0.0,
                1.0,
            )
            for test in ("kupiec", "christoffersen")
            for interval in DEFAULT_INTERVALS
        ),
        Column("pit", _COUNTS, _PIT),
        Column("qlike", pa.float64(), "mean loss of the volatility, ln s^2 + y^2 / s^2"),
        Column("rank_ic", pa.float64(), "mean daily rank correlation of median and outcome", True, -1.0, 1.0),
        Column("rank_ic_t", pa.float64(), "its t by Newey and West; null if not testable", True),
    ),
)
