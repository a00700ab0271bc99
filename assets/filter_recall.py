"""What the window filter costs: which windows it leaves to the scan, and what share of the best patterns lies in these.

Definitions are in kernels/windows/README.md, under "Recall".
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import numpy.typing as npt

from assets.lookback import Lookback
from kernels.panel import Int32Array1D
from kernels.waves import CONFIRMED, Scan
from resources.parquet_lake import ParquetLake


@dataclass(frozen=True)
class ScannedWindows:
    """The windows of each origin, an origin being a symbol on one of the asked sessions.

    Attributes:
        kept: int32 [E], sessions in the longest window that the filter kept; 0 where it kept none.
        whole: int32 [E], sessions in the longest window that the filter could choose from; 0 where it had none.
    """

    kept: Int32Array1D
    whole: Int32Array1D


def scanned_windows(lake: ParquetLake, look: Lookback, pending: list[str]) -> ScannedWindows:
    """Read the windows of the sessions `pending`, ISO dates in the order of `look.asked`."""
    kept, whole = (np.zeros(len(look.origins.row), dtype=np.int32) for _ in range(2))
    for day, key in enumerate(pending):
        table = lake.read("windows", key, ["symbol", "length", "kept", "reason"])
        places = np.searchsorted(look.symbols, np.array(table["symbol"].to_pylist(), dtype=look.symbols.dtype))
        origins = look.origins.by_session[day, places]
        lengths = table["length"].to_numpy()
        for longest, there in (
            (kept, table["kept"].to_numpy()),
            (whole, np.array(table["reason"].to_pylist()) != "incomplete"),
        ):
            np.maximum.at(longest, origins[there], lengths[there])
    return ScannedWindows(kept, whole)


@dataclass(frozen=True)
class Recall:
    """The recall of the filter on one session.

    Attributes:
        dropped: symbols whose longest window the filter dropped.
        sample: how many of these were scanned as if it hadn't.
        recall: estimated share of the best confirmed patterns that the kept windows contain, in [0, 1]; None where
            windows were dropped and none was scanned.
    """

    dropped: int
    sample: int
    recall: float | None

    @property
    def metadata(self) -> dict[str, int | float]:
        """As the metadata of a partition."""
        known = {} if self.recall is None else {"filter_recall": self.recall}
        return {"dropped_windows": self.dropped, "filter_recall_sample": self.sample, **known}


def filter_recall(
    look: Lookback,
    scanned: ScannedWindows,
    found: Scan,
    sample: int,
    scan: Callable[[npt.NDArray[np.intp], Int32Array1D], Scan],
) -> list[Recall]:
    """Measure the recall of each asked session.

    Args:
        look: bars and origins.
        scanned: the windows of the origins.
        found: the scan of the kept windows, of all origins.
        sample: symbols scanned for each session at most.
        scan: scans origins, given by their indexes, in windows of these lengths; called once for all sessions, and not
            at all where there is nothing to scan.
    """
    dropped = [np.sort(origins[scanned.kept[origins] < scanned.whole[origins]]) for origins in look.origins.by_session]
    symbols = look.symbols[look.rows.symbol[look.origins.row]]
    drawn = [
        origins[_first_by_hash(str(session), symbols[origins], sample)]
        for session, origins in zip(look.asked, dropped, strict=True)
    ]
    chosen = np.sort(np.concatenate(drawn))
    count = len(look.origins.row)
    best, missed = np.zeros(count, np.int64), np.zeros(count, np.int64)
    kept_rows, kept_origin = _confirmed(found, np.arange(count))
    kept_best = np.bincount(kept_origin, minlength=count)
    if chosen.size:
        rows, origin = _confirmed(scan(chosen, scanned.whole[chosen]), chosen)
        best = np.bincount(origin, minlength=count)
        missed = np.bincount(origin[~np.isin(rows, kept_rows)], minlength=count)
    recalls = []
    for origins, those, ours in zip(look.origins.by_session, dropped, drawn, strict=True):
        if len(those) and not len(ours):
            recalls.append(Recall(len(those), 0, None))
            continue
        # Each sampled symbol speaks for as many of the dropped ones.
        weight = len(those) / len(ours) if len(ours) else 0.0
        total = int(kept_best[np.setdiff1d(origins, those)].sum()) + weight * int(best[ours].sum())
        lost = weight * int(missed[ours].sum())
        recalls.append(Recall(len(those), len(ours), 1.0 - lost / total if total else 1.0))
    return recalls


def _first_by_hash(session: str, symbols: npt.NDArray[np.str_], count: int) -> npt.NDArray[np.intp]:
    """Indexes of `count` symbols, the same ones whatever else is in the run."""
    keys = [sha256(f"{session}|{symbol}".encode()).digest() for symbol in symbols.tolist()]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__)[:count], dtype=np.intp)


def _confirmed(scan: Scan, origins: npt.NDArray[np.intp]) -> tuple[npt.NDArray[np.void], npt.NDArray[np.intp]]:
    """The confirmed selections of a scan of `origins`: each with origin, class, direction and pivots as one value, and
    its origin.
    """
    chosen = scan.patterns.status[scan.pattern] == CONFIRMED
    pattern, origin = scan.pattern[chosen], origins[scan.origin[chosen]]
    patterns = scan.patterns
    rows = np.column_stack(
        [origin, patterns.class_index[pattern], patterns.direction[pattern], patterns.pivots[pattern]]
    ).astype(np.int32)
    return rows.view(np.dtype((np.void, rows.strides[0]))).ravel(), origin
