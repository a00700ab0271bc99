"""What a dataset of synthetic samples is made from: its options, and the market, starts and scalers behind it."""

import hashlib
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.as_of import as_of_dividends, as_of_panel
from kernels.errors import InvalidInputError, MissingHistoryError
from kernels.panel import PricePanel
from kernels.samples import (
    CHANNELS,
    COLUMNS,
    SPLITS,
    SampleSettings,
    Starts,
    find_starts,
    fit_scalers,
    sample_panel,
)
from kernels.trading import REASONS, Bars
from resources.calendar import session_number
from resources.parquet_lake import ParquetLake, fingerprint
from resources.sample_writer import COMPRESSIONS

CODE_VERSION = "1"
FORMAT_VERSION = 1
LAYOUTS = ("index", "windowed")

ROW_GROUP_ROWS = {"index": 65_536, "windowed": 8_192}
"""A row group is made, encoded and dropped as a whole: with windows 8,192 rows are 10 MB at a lookback of 64."""


@dataclass(frozen=True)
class SampleOptions:
    """What somebody asks for.

    Attributes:
        dataset: its name; `SampleStore` says which are allowed.
        symbols: of the universe; empty = every symbol that the lake has.
        start, end: first and last session of the bars, ISO dates; empty = the oldest and the newest in the lake.
        rows_per_shard: at least 0.
        layout: "index" (windows are gathered on load) or "windowed" (they are in the file).
        compression: "none", "snappy" or "zstd".
        settings: how samples are drawn.

    Raises:
        InvalidInputError: an option that makes no sense, named.
    """

    dataset: str = "default"
    symbols: tuple[str, ...] = ()
    start: str = ""
    end: str = ""
    rows_per_shard: int = 1_000_000
    layout: str = "index"
    compression: str = "none"
    settings: SampleSettings = field(default_factory=SampleSettings)

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            _refuse("layout", f"one of {', '.join(LAYOUTS)}", self.layout)
        if self.compression not in COMPRESSIONS:
            _refuse("compression", f"one of {', '.join(COMPRESSIONS)}", self.compression)
        if not 0 <= self.rows_per_shard < 2**32:
            _refuse("rows_per_shard", "from 0 to 4,294,967,295 rows", self.rows_per_shard)


@dataclass(frozen=True)
class SamplePlan:
    """Everything that the rows of a dataset depend on.

    Attributes:
        options: what was asked for.
        symbols, sessions: of the market; `datetime64[D]` [T].
        bars: float64 [S, T], split-adjusted as of the last session.
        panel: float32 [S, T, 5], what windows are gathered from.
        starts: where samples may begin.
        manifest: what `manifest.json` says.
    """

    options: SampleOptions
    symbols: tuple[str, ...]
    sessions: npt.NDArray[np.datetime64]
    bars: Bars
    panel: npt.NDArray[np.float32]
    starts: Starts
    manifest: dict[str, Any]

    @property
    def made_from(self) -> str:
        """Fingerprint of everything that the bytes of a shard depend on, beside its number."""
        return str(self.manifest["made_from"])

    @property
    def windowed(self) -> bool:
        """Whether the windows are in the files."""
        return self.options.layout == "windowed"

    @property
    def row_group_rows(self) -> int:
        """Rows of a row group."""
        return ROW_GROUP_ROWS[self.options.layout]


def plan_dataset(lake: ParquetLake, options: SampleOptions) -> SamplePlan:
    """Read the bars, find the starts and fit the scalers.

    Raises:
        InvalidInputError: a symbol without bars, dates in the wrong order, or too few sessions for the settings.
        MissingHistoryError: the lake has no prices, or lacks a session of the range.
        SessionError: a date that is no session.
    """
    first, last = _range(lake, options)
    history = lake.history(first, last, options.symbols or None)
    panel = as_of_panel(history)
    bare = [name for name, closes in zip(panel.symbols, panel.close, strict=True) if np.isnan(closes).all()]
    if options.symbols and bare:
        raise InvalidInputError(
            "option symbols",
            expected=f"symbols that have bars from {first} to {last}",
            got=f"no bar of {', '.join(bare)}",
            mend="correct the symbols, or fill their history with the job price_history",
        )
    return plan_of_panel(panel, as_of_dividends(history), options)


def plan_of_panel(panel: PricePanel, dividend: npt.NDArray[np.float64], options: SampleOptions) -> SamplePlan:
    """The plan for bars that are in memory; `dividend` as in `kernels.trading.Bars`."""
    settings = options.settings
    bars = Bars.of_panel(panel, dividend)
    windows = sample_panel(panel.open, panel.high, panel.low, panel.close, panel.volume)
    starts = find_starts(panel.symbols, panel.open, panel.high, panel.low, panel.close, panel.volume, settings)
    described = {
        "format_version": FORMAT_VERSION,
        "code_version": CODE_VERSION,
        "dataset": options.dataset,
        "layout": options.layout,
        "compression": options.compression,
        "rows_per_shard": options.rows_per_shard,
        "row_group_rows": ROW_GROUP_ROWS[options.layout],
        "settings": asdict(settings),
        "panel_sha256": panel_sha256(panel, dividend),
    }
    manifest = {
        **described,
        "made_from": fingerprint({name: value for name, value in described.items() if name != "dataset"}),
        "symbols": list(panel.symbols),
        "sessions": [str(session) for session in panel.sessions],
        "columns": {
            name: {"group": column.group, "unit": column.unit, "text": column.text} for name, column in COLUMNS.items()
        },
        "window_channels": list(CHANNELS),
        "exit_reasons": list(REASONS),
        "starts": {name: int(np.count_nonzero(starts.split == code)) for code, name in enumerate(SPLITS)},
        "removed_starts": dict(starts.removed),
        "blocks": {
            name: [str(panel.sessions[column]) for column in columns] for name, columns in starts.blocks.items()
        },
        "held_out": list(starts.held_out),
        "phase_thresholds": starts.thresholds._asdict(),
        "scalers": fit_scalers(bars, windows, starts, settings),
    }
    return SamplePlan(options, panel.symbols, panel.sessions, bars, windows, starts, manifest)


def panel_sha256(panel: PricePanel, dividend: npt.NDArray[np.float64]) -> str:
    """SHA-256 of the market: symbols, sessions and every float of the bars, missing ones counted as one value."""
    digest = hashlib.sha256()
    digest.update("\n".join(panel.symbols).encode())
    digest.update(panel.sessions.astype("<i8").tobytes())
    for values in (panel.open, panel.high, panel.low, panel.close, panel.volume, dividend):
        digest.update(np.where(np.isnan(values), np.nan, values).astype("<f8").tobytes())
    return digest.hexdigest()


def _range(lake: ParquetLake, options: SampleOptions) -> tuple[date, date]:
    stored = lake.stamps("quarantine")
    if not stored:
        raise MissingHistoryError(
            "the lake",
            expected="sessions of prices",
            got=f"none in {lake.root}",
            mend="make run, or the job price_history for a range of sessions",
        )
    first, last = options.start or min(stored), options.end or max(stored)
    for name, text in (("start", first), ("end", last)):
        try:
            session_number(date.fromisoformat(text))
        except ValueError as error:
            raise InvalidInputError(
                f"option {name}",
                expected="an exchange session as an ISO date, such as 2018-02-07",
                got=repr(text),
                mend=f"correct `{name}` in the run config",
            ) from error
    if first > last:
        _refuse("start", f"a session that isn't after the end, {last}", first)
    return date.fromisoformat(first), date.fromisoformat(last)


def _refuse(name: str, expected: str, got: object) -> None:
    raise InvalidInputError(
        f"option {name}", expected=expected, got=repr(got), mend=f"correct `{name}` in the run config"
    )
