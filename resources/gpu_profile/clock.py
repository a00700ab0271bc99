"""How long a call takes: warmed up once, repeated while there is time, the median."""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple


class Timed(NamedTuple):
    """Median `seconds` of `repeats` calls."""

    seconds: float
    repeats: int


def median_seconds(
    call: Callable[[], object],
    synchronise: Callable[[], None],
    *,
    seconds: float,
    least: int = 3,
    most: int = 30,
    warm: bool = False,
    clock: Callable[[], float] = time.perf_counter,
) -> Timed:
    """Time a call that may return before the device is done.

    Args:
        call: what is timed; called once before, for what is loaded and compiled then, unless `warm`.
        synchronise: waits for the device; called before each reading of the clock.
        seconds: as long as this calls are repeated. A call that takes longer alone is timed once.
        least: repeats wanted however short the time, if a call takes less than `seconds`.
        most: repeats at most.
        warm: whether it was called before.
        clock: seconds.
    """
    if not warm:
        call()
        synchronise()
    times: list[float] = []
    began = clock()
    while len(times) < most:
        start = clock()
        call()
        synchronise()
        end = clock()
        times.append(end - start)
        if times[0] >= seconds or (end - began >= seconds and len(times) >= least):
            break
    # Clocks have steps; no call takes no time.
    return Timed(max(statistics.median(times), 1e-9), len(times))


class Budget:
    """Time for a whole profile: `left` is what remains of it in seconds."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._end = clock, clock() + seconds

    @property
    def left(self) -> float:
        """Seconds left; below 0 when it is over."""
        return self._end - self._clock()
