"""What a report is made from: the tables of one session, and what is known about how they were made."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import pyarrow as pa

from kernels.panel import PricePanel
from resources.report.events import CONFIRMED, SETUP, Changes, changes_between
from resources.report.ranking import best_first


@dataclass(frozen=True)
class Source:
    """A partition that the report was made from.

    Attributes:
        table: name of the table.
        partition: its key, such as 2018-02-07.
        rows: how many it has.
        fingerprint: SHA-256 of the rows.
        contract: version of the table's contract.
        code_version: version of the code that made it.
    """

    table: str
    partition: str
    rows: int
    fingerprint: str
    contract: str
    code_version: str


@dataclass(frozen=True)
class Judged:
    """A table about whole years, of the newest year that was over and known by the session.

    Attributes:
        year: its partition.
        table: `forecast_skill` or `pattern_outcome_rates`.
    """

    year: int
    table: pa.Table


@dataclass(frozen=True)
class ReportInput:
    """Everything that a report shows. A table that isn't there is None, and its section says so.

    Attributes:
        session: the session of the report.
        previous: the session before it; None for the first one of the calendar.
        panel: bars of the members up to the session, as known at its close, split-adjusted.
        universe: of the session.
        prices: likewise.
        quarantine: likewise: what became known on it.
        windows: likewise, or None.
        patterns: likewise, or None.
        previous_patterns: `patterns` of the session before, or None.
        previous_forecasts: `forecasts` of the session before, or None.
        nulls: `null_distributions` of the session's quarter, or None.
        forecasts: of the session, or None.
        simulations: likewise.
        picks: likewise.
        skill: of the forecasts, or None.
        rates: of what followed patterns, or None.
        backend: what computes waves on the machine that made the report: cpu, gpu or naive.
        sources: every partition behind it, in the order of the chain.
        made_from: fingerprint of all of this.
        code_version: version of the code that made the report.
    """

    session: date
    previous: date | None
    panel: PricePanel
    universe: pa.Table
    prices: pa.Table
    quarantine: pa.Table
    windows: pa.Table | None = None
    patterns: pa.Table | None = None
    previous_patterns: pa.Table | None = None
    previous_forecasts: pa.Table | None = None
    nulls: pa.Table | None = None
    forecasts: pa.Table | None = None
    simulations: pa.Table | None = None
    picks: pa.Table | None = None
    skill: Judged | None = None
    rates: Judged | None = None
    backend: str = "cpu"
    sources: tuple[Source, ...] = ()
    made_from: str = ""
    code_version: str = ""

    @property
    def names(self) -> dict[str, str]:
        """Symbol -> company."""
        return dict(zip(self.universe["symbol"].to_pylist(), self.universe["name"].to_pylist(), strict=True))

    @property
    def sectors(self) -> dict[str, str]:
        """Symbol -> sector."""
        return dict(zip(self.universe["symbol"].to_pylist(), self.universe["sector"].to_pylist(), strict=True))

    @cached_property
    def best(self) -> Mapping[str, pa.Table]:
        """The confirmed patterns and the setups by status, those least like chance first; empty without patterns."""
        return {} if self.patterns is None else {each: best_first(self.patterns, each) for each in (CONFIRMED, SETUP)}

    @cached_property
    def changes(self) -> Changes | None:
        """What became of the patterns of the session before; None where one of the two tables isn't there."""
        if self.patterns is None or self.previous is None or self.previous_patterns is None:
            return None
        splits = dict(zip(self.prices["symbol"].to_pylist(), self.prices["split_ratio"].to_pylist(), strict=True))
        return changes_between(self.best, self.previous_patterns, self.previous, self.panel, splits)
