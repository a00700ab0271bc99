"""A scan in parts: origins are split between rows, and the parts' answers put together as one scan gives them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise

import numpy as np

from kernels.panel import Int32Array1D
from kernels.waves import Scan, ScanSettings, scan_origins
from kernels.waves.patterns import Patterns
from resources.device_pool import DevicePool, Part, own_device
from resources.shared_panel import Arrays, Token, attach, share


@dataclass(frozen=True)
class _Origins:
    """What a process scans: origins of arrays in shared memory."""

    token: Token
    row: Int32Array1D
    end: Int32Array1D
    length: Int32Array1D
    settings: ScanSettings


def scan_on_devices(
    pool: DevicePool, bars: Arrays, row: Int32Array1D, end: Int32Array1D, length: Int32Array1D, settings: ScanSettings
) -> Scan:
    """Scan on every device of a pool; arguments as in `kernels.waves.scan_origins`.

    Args:
        pool: the devices.
        bars: "low" and "high", float64 [R, T].
        row: int32 [E].
        end: int32 [E].
        length: int32 [E].
        settings: what to look for and what to keep.

    Returns:
        The bytes that one device gives; `reason` names the number of devices.

    Raises:
        WorkerError: a process of a device died.
        InvalidInputError: as `scan_origins`, of the first part with a fault.
        BackendUnavailableError: a device that isn't there, or that is too small for one series.
    """
    spans = spans_of_origins(row, len(pool.devices))
    with share(bars) as shared:
        parts = [
            Part(_name(row[span]), _Origins(shared.token, row[span], end[span], length[span], settings))
            for span in spans
        ]
        scans = list(pool.map(_scan, parts))
    whole = joined(scans, [span.start for span in spans])
    return replace(whole, reason=f"{len(spans)} GPUs, the first one: {whole.reason}")


def spans_of_origins(row: Int32Array1D, count: int) -> list[slice]:
    """Cut origins, sorted by row, into at most `count` spans of about as many each; those of a row stay together."""
    edges = np.searchsorted(row, row[np.arange(1, count) * len(row) // count]) if len(row) else np.zeros(0, np.intp)
    bounds = np.unique([0, *edges.tolist(), len(row)])
    return [slice(int(begin), int(stop)) for begin, stop in pairwise(bounds)]


def joined(scans: Sequence[Scan], first: Sequence[int]) -> Scan:
    """One scan of the scans of rows that follow each other.

    Args:
        scans: one or more.
        first: the origin of the whole with which each begins.
    """
    before = np.cumsum([0, *(len(scan.patterns.score) for scan in scans)]).astype(np.int32)
    children = [
        np.where(scan.patterns.child < 0, -1, scan.patterns.child + at)
        for scan, at in zip(scans, before[:-1], strict=True)
    ]
    whole = {
        each.name: np.concatenate([getattr(scan.patterns, each.name) for scan in scans]) for each in fields(Patterns)
    }
    return Scan(
        patterns=Patterns(**whole | {"child": np.concatenate(children).astype(np.int32)}),
        origin=np.concatenate([scan.origin + np.int32(at) for scan, at in zip(scans, first, strict=True)]),
        pattern=np.concatenate([scan.pattern + at for scan, at in zip(scans, before[:-1], strict=True)]),
        rank=np.concatenate([scan.rank for scan in scans]),
        line_target=np.concatenate([scan.line_target for scan in scans]),
        candidates=np.concatenate([scan.candidates for scan in scans]),
        standing=np.concatenate([scan.standing for scan in scans]),
        backend=scans[0].backend,
        reason=scans[0].reason,
    )


def _name(rows: Int32Array1D) -> str:
    return f"rows {rows[0]} to {rows[-1]}"


def _scan(part: _Origins) -> Scan:
    bars, device = attach(part.token), own_device()
    device.hold(bars["low"], bars["high"])
    return scan_origins(
        bars["low"],
        bars["high"],
        part.row,
        part.end,
        part.length,
        settings=part.settings,
        backend="gpu",
        device=device,
    )
