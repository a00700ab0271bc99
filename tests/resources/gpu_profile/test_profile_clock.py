"""The clock of the profile: what is called when, with a clock that is wound by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from resources.gpu_profile.clock import Budget, median_seconds


class Clock:
    """Seconds that only pass when they are told to."""

    def __init__(self) -> None:
        self.now = 100.0
        self.seen: list[str] = []

    def __call__(self) -> float:
        return self.now

    def takes(self, seconds: list[float]) -> Callable[[], None]:
        """A call that takes these seconds, one after the other, and the last from then on."""
        left = list(seconds)

        def call() -> None:
            self.seen.append("call")
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return call

    def wait(self) -> None:
        self.seen.append("wait")


def test_the_first_call_is_not_timed_and_the_median_of_the_others_counts():
    clock = Clock()
    timed = median_seconds(clock.takes([50.0, 1.0, 3.0, 2.0]), clock.wait, seconds=6.0, clock=clock)
    assert timed == (2.0, 3)
    assert clock.seen == ["call", "wait"] * 4


def test_a_warm_call_is_timed_from_the_first_on():
    clock = Clock()
    assert median_seconds(clock.takes([5.0]), clock.wait, seconds=20.0, warm=True, clock=clock) == (5.0, 4)


def test_a_long_call_is_timed_once():
    clock = Clock()
    assert median_seconds(clock.takes([9.0]), clock.wait, seconds=2.0, clock=clock) == (9.0, 1)


def test_a_short_call_is_timed_at_most_so_often():
    clock = Clock()
    assert median_seconds(clock.takes([0.001]), clock.wait, seconds=5.0, most=7, clock=clock).repeats == 7


def test_a_call_that_the_clock_cannot_see_takes_more_than_nothing():
    clock = Clock()
    assert median_seconds(clock.takes([0.0]), clock.wait, seconds=1.0, clock=clock).seconds > 0.0


def test_what_a_call_raises_passes_on():
    def fail() -> None:
        raise MemoryError("full")

    with pytest.raises(MemoryError, match="full"):
        median_seconds(fail, lambda: None, seconds=1.0)


def test_a_budget_counts_down():
    clock = Clock()
    budget = Budget(3.0, clock)
    clock.now += 5.0
    assert budget.left == -2.0
