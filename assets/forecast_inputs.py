"""Bars as the forecast models take them, for sessions that can be forecast together."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from assets.lookback import Lookback
from kernels.forecast.bars import ForecastBars
from kernels.panel import BAR_FIELDS
from resources.calendar import sessions_left_in_month
from resources.forecast_history import sector_codes, sectors_of
from resources.parquet_lake import ParquetLake


@dataclass(frozen=True)
class Stretch:
    """Sessions of one year with the same members in the same sectors: one batch gives what each alone would give.

    Attributes:
        keys: the sessions as ISO dates, in order.
        sectors: symbol -> sector, of all members.
    """

    keys: list[str]
    sectors: Mapping[str, str]


def stretches(lake: ParquetLake, keys: list[str]) -> Iterator[Stretch]:
    """Cut sessions, given as ISO dates in order, where the year begins or the universe changes."""
    universes = {key: sectors_of(lake, key) for key in keys}
    for (_, members), group in groupby(keys, key=lambda key: (key[:4], sorted(universes[key].items()))):
        yield Stretch(list(group), dict(members))


def forecast_bars(look: Lookback, sectors: Mapping[str, str]) -> ForecastBars:
    """The bars of a look-back. In an asked session the row that is known then counts for its symbol."""
    rows = look.rows
    column = np.arange(len(look.sessions))
    counted = (rows.first[:, np.newaxis] <= column) & (column <= rows.last[:, np.newaxis])
    return ForecastBars(
        **{name: getattr(rows, name) for name in BAR_FIELDS},
        sector=sector_codes(look.symbols, sectors)[rows.symbol],
        days_to_month_end=sessions_left_in_month(look.sessions),
        counted=counted,
    )
