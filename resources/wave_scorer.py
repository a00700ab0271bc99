"""`WaveScorer`: the wave scan on the backend that was asked for, and on the CPU where a GPU gives up.

What belongs here: which backend computes, why, and how fast. What doesn't: what is looked for (`ScanSettings`).
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy.typing as npt

from kernels.device import Backend
from kernels.errors import WavemillError
from kernels.waves import Scan, ScanSettings, scan_origins

_LOGGER = logging.getLogger(__name__)
_DEVICE_LIBRARIES = ("numba.cuda", "cuda", "cupy", "cupy_backends")


@dataclass(frozen=True)
class Metrics:
    """What a scorer has done in this process.

    Attributes:
        scans: how many scans it made.
        patterns: how many patterns these found and kept, each once for each scan, descendants included.
        seconds: how long they took, compiling included.
    """

    scans: int = 0
    patterns: int = 0
    seconds: float = 0.0

    def since(self, earlier: "Metrics") -> "Metrics":
        """What was done since `earlier`."""
        return Metrics(
            self.scans - earlier.scans, self.patterns - earlier.patterns, max(self.seconds - earlier.seconds, 0.0)
        )

    @property
    def patterns_per_second(self) -> float:
        """Patterns kept for each second; 0.0 before the first scan."""
        return self.patterns / self.seconds if self.seconds > 0.0 else 0.0


class WaveScorer:
    """Scans on one backend. Under "auto" a scan that fails on the GPU is made on the CPU, and so are all later ones.

    Attributes:
        metrics: of all scans so far.
    """

    def __init__(
        self,
        backend: Backend = "auto",
        *,
        warn: Callable[[str], object] = _LOGGER.warning,
        scan: Callable[..., Scan] = scan_origins,
    ) -> None:
        """Nothing is touched before the first scan.

        Args:
            backend: "auto", "naive", "cpu" or "gpu".
            warn: where a fallback is told.
            scan: what scans, see `kernels.waves.scan_origins`.
        """
        self.metrics = Metrics()
        self._backend = backend
        self._fallback = ""
        self._warn = warn
        self._scan = scan

    def score(
        self,
        low: npt.ArrayLike,
        high: npt.ArrayLike,
        row: npt.ArrayLike,
        end: npt.ArrayLike,
        length: npt.ArrayLike,
        settings: ScanSettings,
    ) -> Scan:
        """Scan; arguments as in `kernels.waves.scan_origins`. `reason` of the result tells of a fallback.

        Raises:
            InvalidInputError: a wrong shape, price, order or range; a faulty bar is named.
            BackendUnavailableError: an explicit backend that isn't there.
        """
        started = time.monotonic()
        origins = (low, high, row, end, length)
        try:
            scan = self._scan(*origins, settings=settings, backend=self._backend)
        except Exception as error:
            if self._backend != "auto" or not may_be_the_device(error):
                raise
            # Where the input is at fault, the CPU says so too.
            scan = self._scan(*origins, settings=settings, backend="cpu")
            self._backend = "cpu"
            self._fallback = f"the GPU failed ({type(error).__name__}: {error}), so the CPU scans from then on"
            self._warn(f"waves: {self._fallback}")
        done = self.metrics
        self.metrics = Metrics(
            done.scans + 1, done.patterns + len(scan.patterns.score), done.seconds + time.monotonic() - started
        )
        return replace(scan, reason=self._fallback) if self._fallback else scan

    def report(self, scan: Scan, earlier: Metrics) -> dict[str, str | float]:
        """Metadata of one of its scans: the backend and why, and what all scans since `earlier` took."""
        spent = self.metrics.since(earlier)
        return {
            "backend": scan.backend,
            "backend_reason": scan.reason,
            "scan_seconds": round(spent.seconds, 3),
            "patterns_per_second": round(spent.patterns_per_second),
        }


def may_be_the_device(error: Exception) -> bool:
    """Whether an error may come from a GPU: one of ours, or one of a CUDA library's types."""
    modules = [each.__module__ for each in type(error).__mro__]
    return isinstance(error, WavemillError) or any(
        module == name or module.startswith(f"{name}.") for module in modules for name in _DEVICE_LIBRARIES
    )
