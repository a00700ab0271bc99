"""From the arrays of the kernels to the tables of the contracts. Columns and words only; nothing is computed here."""

from collections.abc import Iterator, Mapping
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.panel import SessionArray1D
from kernels.quality import KINDS, Faults
from kernels.volatility import DEFAULT_LEVELS, STATUSES, Forecasts
from kernels.windows import FEATURES, REASONS, RankedWindows
from resources.contracts import FORECASTS, QUARANTINE, WINDOWS, quantile_column

Symbols = npt.NDArray[np.str_]

_FAULTS = {
    "null_price": "open, high, low or close is missing from the bar",
    "nonpositive_price": "a price is zero, negative or infinite",
    "ohlc_order": "high is below, or low is above, another price of the bar, by {value:.3g} of it",
    "zero_volume": "no shares were traded",
    "missing_bar": "the source has no bar, though it had one in the sessions before",
    "repeated_bar": "the same open, high and low as on {other}",
    "suspect_close": "the close is off by {value:+.4f} in log price and comes back in the next session",
    "unexplained_move": "a move of {value:+.4f} in log price without a recorded split or dividend: "
    "perhaps an unadjusted split or spin-off",
}


def quarantine_table(
    faults: Faults, entries: npt.NDArray[np.intp], symbols: Symbols, sessions: SessionArray1D
) -> pa.Table:
    """The table of one session from those `entries` of `faults` that became known on it."""
    others = [str(sessions[other]) if other >= 0 else None for other in faults.other[entries]]
    kinds = [KINDS[kind] for kind in faults.kind[entries]]
    values = faults.value[entries]
    return QUARANTINE.table(
        {
            "known_on": sessions[faults.known_on[entries]],
            "symbol": symbols[faults.symbol[entries]],
            "session": sessions[faults.session[entries]],
            "kind": kinds,
            "excluded": faults.excluded[entries],
            "other_session": [other and date.fromisoformat(other) for other in others],
            "value": values,
            "reason": [
                _FAULTS[kind].format(value=value, other=other)
                for kind, value, other in zip(kinds, values, others, strict=True)
            ],
        }
    )


def windows_table(
    session: np.datetime64,
    symbols: Symbols,
    lengths: npt.NDArray[np.int32],
    features: npt.NDArray[np.float64],
    ranked: RankedWindows,
) -> pa.Table:
    """The windows of one session: n symbols and lengths, float64 [n, 4] features, and their ranks."""
    ranks = ranked.rank.astype(np.float64)
    columns: Mapping[str, object] = {
        "session": np.full(len(symbols), session),
        "symbol": symbols,
        "length": lengths,
        **{name: features[:, index] for index, name in enumerate(FEATURES)},
        **{f"{name}_rank": ranked.feature_ranks[:, index] for index, name in enumerate(FEATURES)},
        "pre_score": ranked.pre_score,
        "rank": np.where(ranks > 0, ranks, np.nan),
        "kept": ranked.kept,
        "reason": np.array(REASONS)[ranked.reason],
    }
    return WINDOWS.table(columns)


def forecast_tables(
    forecasts: Forecasts,
    horizons: tuple[int, ...],
    sessions: SessionArray1D,
    by_session: npt.NDArray[np.int64],
    members: list[npt.NDArray[np.intp]],
    symbols: Symbols,
    model: str,
    trained_through: date | None,
) -> Iterator[pa.Table]:
    """One table for each session: the members' forecasts, a row for each symbol and horizon."""
    for session, row, chosen in zip(sessions, by_session, members, strict=True):
        origins = row[chosen]
        count = len(origins) * len(horizons)
        quantiles = forecasts.quantiles[origins].reshape(count, len(DEFAULT_LEVELS))
        yield FORECASTS.table(
            {
                "session": np.full(count, session),
                "symbol": np.repeat(symbols[chosen], len(horizons)),
                "horizon": np.tile(np.array(horizons, dtype=np.int16), len(origins)),
                **{quantile_column(level): quantiles[:, index] for index, level in enumerate(DEFAULT_LEVELS)},
                "volatility": forecasts.volatility[origins].reshape(count),
                "residuals": forecasts.residuals[origins].reshape(count),
                "status": np.repeat(np.array(STATUSES)[forecasts.status[origins]], len(horizons)),
                "model": np.full(count, model),
                "trained_through": pa.repeat(pa.scalar(trained_through, pa.date32()), count),
            }
        )
