"""Progress of a long step, as lines in the log."""

import time
from collections.abc import Callable

_LOG_EVERY_SECONDS = 5.0


class Progress:
    """Logs how much is done, how fast, and how long the rest will take; every few seconds and at the end."""

    def __init__(
        self,
        log: Callable[[str], None],
        name: str,
        total: int,
        unit: str = "sessions",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log, self._name, self._total, self._unit, self._clock = log, name, total, unit, clock
        self._done = self._counted_from = 0
        self._started = self._logged = clock()

    def add(self, count: int = 1) -> None:
        """Count `count` more as done."""
        first = self._done == 0
        self._done += count
        now = self._clock()
        if first and self._done < self._total:
            # The first ones wait for what they share; a rate that counts it would mislead.
            self._started = self._logged = now
            self._counted_from = self._done
            return
        if now - self._logged < _LOG_EVERY_SECONDS and self._done < self._total:
            return
        self._logged = now
        rate = (self._done - self._counted_from) / max(now - self._started, 1e-9)
        left = (self._total - self._done) / rate
        amount = f"{rate:,.0f}" if rate >= 1000.0 else f"{rate:.1f}"
        self._log(
            f"{self._name}: {self._done:,} of {self._total:,} {self._unit}, {amount} {self._unit}/s, {left:.0f} s left"
        )
