"""The sessions of a dataset that no model of it has seen, as a market that policies are walked over."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.as_of import as_of_dividends, as_of_panel
from kernels.errors import InvalidInputError, LakeError
from kernels.panel import Int32Array1D
from kernels.policies import PolicyMarket
from kernels.samples import sample_panel
from kernels.trading import Bars, Costs
from resources.parquet_lake import ParquetLake
from resources.sample_opening import read_manifest
from resources.sample_plan import panel_sha256
from resources.sample_store import SampleStore


@dataclass(frozen=True)
class PolicyBlock:
    """The test block of a dataset.

    Attributes:
        dataset: its name.
        made_from: fingerprint of everything that its samples were made from.
        market: all symbols and sessions of the dataset.
        series: int32 [P], the symbols that had a bar in the window of the first session: what could be known then.
        held_out: bool [P], whether the symbol is in no other split.
        first, last: columns of the market, between which policies are walked.
        lookback, forward, max_leverage, costs: the settings of the dataset.
        trained_through: the last session that the model has seen.
    """

    dataset: str
    made_from: str
    market: PolicyMarket
    series: Int32Array1D
    held_out: npt.NDArray[np.bool_]
    first: int
    last: int
    lookback: int
    forward: int
    max_leverage: float
    costs: Costs
    trained_through: date

    @property
    def sessions(self) -> npt.NDArray[np.datetime64]:
        """The sessions that are walked over, `datetime64[D]`."""
        return self.market.days[self.first : self.last + 1].astype("datetime64[D]")

    @property
    def groups(self) -> dict[str, npt.NDArray[np.bool_]]:
        """Which accounts are of symbols that the model was trained on, and which aren't."""
        return {"train": ~self.held_out, "held_out": self.held_out}

    @property
    def unlisted(self) -> int:
        """How many symbols of the dataset had no bar in the window of the first session, and are left out."""
        return len(self.market.symbols) - len(self.series)


def open_policy_block(
    lake: ParquetLake, dataset: str, trained_through: date, *, start: str = "", end: str = ""
) -> PolicyBlock:
    """Read a dataset's market, and find the sessions that a model of it hasn't seen.

    These are the test block: its decision sessions, and those after them that the labels look at.

    Args:
        lake: with the dataset and the prices that it was drawn from.
        dataset: its name.
        trained_through: the last session that the model has seen, in a label too.
        start: first session, ISO date; empty = the first decision session of the test block.
        end: last session, ISO date; empty = the last session that a label of the test block looks at.

    Raises:
        InvalidInputError: the dataset has no test block, or a session is none, out of order, outside the block, or one
            that the model has seen.
        LakeError: no such dataset, a damaged manifest, or other prices than it was drawn from.
        MissingHistoryError: the prices of a session are gone.
    """
    store = SampleStore(lake.files, dataset)
    manifest = read_manifest(store)
    sessions: npt.NDArray[np.datetime64] = np.array(manifest["sessions"], dtype="datetime64[D]")
    settings = manifest["settings"]
    begin, stop = _test_block(store, manifest, sessions)
    first = _column(sessions, "start", start, begin, begin, stop)
    last = _column(sessions, "end", end, stop, begin, stop)
    if first >= last:
        raise InvalidInputError(
            "policy_simulation, start and end",
            expected="a session and a later one",
            got=f"{sessions[first]} and {sessions[last]}",
            mend="correct `start` and `end` in the run config",
        )
    if sessions[first] <= np.datetime64(trained_through):
        raise InvalidInputError(
            f"policy_simulation, first session {sessions[first]}",
            expected=f"a session after {trained_through}, the last one that the model has seen",
            got=f"{sessions[first]}",
            mend="choose a later `start`, or train the model on the same dataset",
        )
    market = _market(lake, store, manifest, sessions)
    lookback = int(settings["lookback"])
    known = ~np.isnan(market.windows[:, first - lookback + 1 : first + 1, 3]).all(axis=1)
    series = np.flatnonzero(known).astype(np.int32)
    held_out = np.isin(np.array(market.symbols), manifest["held_out"])[series]
    return PolicyBlock(
        dataset=dataset,
        made_from=str(manifest["made_from"]),
        market=market,
        series=series,
        held_out=held_out,
        first=first,
        last=last,
        lookback=lookback,
        forward=int(settings["forward"]),
        max_leverage=float(settings["max_leverage"]),
        costs=Costs(**settings["costs"]),
        trained_through=trained_through,
    )


def _test_block(store: SampleStore, manifest: dict[str, Any], sessions: npt.NDArray[np.datetime64]) -> tuple[int, int]:
    """The first decision column of the test block, and the last column that its labels look at."""
    block = manifest["blocks"].get("test")
    if block is None:
        raise InvalidInputError(
            f"dataset {store.dataset}",
            expected="a test block: sessions that no model of it has seen",
            got="test_share 0",
            mend="draw a dataset with a `test_share` above 0, and train a model on it",
        )
    first, last = np.searchsorted(sessions, np.array(block, dtype="datetime64[D]")).tolist()
    return first, last + int(manifest["settings"]["forward"])


def _column(sessions: npt.NDArray[np.datetime64], name: str, text: str, default: int, first: int, last: int) -> int:
    if not text:
        return default
    places = {str(session): place for place, session in enumerate(sessions[first : last + 1], first)}
    if text not in places:
        raise InvalidInputError(
            f"policy_simulation, {name}",
            expected=f"a session from {sessions[first]} to {sessions[last]}, the test block: the model hasn't seen it",
            got=repr(text),
            mend=f"correct `{name}` in the run config, or leave it out",
        )
    return places[text]


def _market(
    lake: ParquetLake, store: SampleStore, manifest: dict[str, Any], sessions: npt.NDArray[np.datetime64]
) -> PolicyMarket:
    history = lake.history(sessions[0].item(), sessions[-1].item(), manifest["symbols"])
    panel, dividend = as_of_panel(history), as_of_dividends(history)
    found = panel_sha256(panel, dividend)
    if found != manifest["panel_sha256"]:
        raise LakeError(
            f"prices from {sessions[0]} to {sessions[-1]}",
            expected=f"those that the dataset {store.dataset} was drawn from, SHA-256 {manifest['panel_sha256']}",
            got=f"SHA-256 {found}: prices or quarantine have changed since",
            mend="draw the dataset again with `overwrite: true`, and train its model again",
        )
    windows = sample_panel(panel.open, panel.high, panel.low, panel.close, panel.volume)
    days = panel.sessions.astype("datetime64[D]").astype(np.int32)
    return PolicyMarket(panel.symbols, days, Bars.of_panel(panel, dividend), windows)
