from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from kernels.errors import InvalidInputError
from kernels.memory import MemoryTimeline, MemoryUsage, Phase, track

MIB = 2**20


class FakeMeter:
    """A pool that takes and gives what it is told."""

    def __init__(self) -> None:
        self.allocated = self.most = 100
        self.resets = 0

    def take(self, size: int) -> None:
        self.allocated += size
        self.most = max(self.most, self.allocated)

    def read(self) -> MemoryUsage:
        return MemoryUsage(self.allocated, self.allocated + 7, self.most, 0, 0, "a fake")

    def reset_peak(self) -> None:
        self.resets += 1
        self.most = self.allocated


def _peaks(timeline: MemoryTimeline) -> list[tuple[str, int, int, int]]:
    return [(each.phase, each.before, each.allocated, each.peak) for each in timeline.phases]


def test_each_phase_has_its_own_peak() -> None:
    meter = FakeMeter()
    with MemoryTimeline(meter) as timeline:
        meter.take(900)
        meter.take(-900)
        with track("scan"):
            meter.take(50)
            meter.take(-30)
        with track("score"):
            meter.take(5)
    assert _peaks(timeline) == [("scan", 100, 120, 150), ("score", 120, 125, 125)]
    assert timeline.of == "a fake"


def test_a_phase_sees_the_peaks_of_the_phases_in_it_and_not_the_other_way() -> None:
    meter = FakeMeter()
    with MemoryTimeline(meter) as timeline, track("run"):
        meter.take(400)
        meter.take(-400)
        with track("scan"):
            meter.take(10)
            with track("sort"):
                meter.take(200)
                meter.take(-200)
            meter.take(-10)
        with track("score"):
            meter.take(1)
    assert _peaks(timeline) == [
        ("run", 100, 101, 500),
        ("run/scan", 100, 100, 310),
        ("run/scan/sort", 110, 110, 310),
        ("run/score", 100, 101, 101),
    ]
    assert [each.depth for each in timeline.phases] == [0, 1, 2, 1]


def test_a_phase_that_fails_is_recorded_and_the_error_passes_on() -> None:
    meter = FakeMeter()

    @track("inner")
    def fail() -> None:
        meter.take(80)
        raise MemoryError("no room")

    with MemoryTimeline(meter) as timeline:
        with pytest.raises(MemoryError, match="no room"), track("outer"):
            fail()
        with track("after"):
            pass
    assert [(each.phase, each.error, each.peak) for each in timeline.phases] == [
        ("outer", "MemoryError", 180),
        ("outer/inner", "MemoryError", 180),
        ("after", "", 180),
    ]


def test_a_decorated_function_is_a_phase_each_time_also_when_it_calls_itself() -> None:
    meter = FakeMeter()

    @track("step")
    def step(depth: int) -> int:
        """Goes down."""
        meter.take(10)
        return step(depth - 1) if depth else meter.allocated

    with MemoryTimeline(meter) as timeline:
        assert step(2) == 130
        step(0)
    assert [each.phase for each in timeline.phases] == ["step", "step/step", "step/step/step", "step"]
    assert step.__doc__ == "Goes down."


def test_threads_that_share_a_decorated_function_record_in_their_own_timelines() -> None:
    inside, leave = threading.Event(), threading.Event()

    @track("step")
    def step(*, beside: bool) -> None:
        if beside:
            inside.set()
            assert leave.wait(10)
        else:
            other.start()
            assert inside.wait(10)

    other = threading.Thread(target=step, kwargs={"beside": True})
    with MemoryTimeline(FakeMeter()) as timeline:
        step(beside=False)
    recorded = [each.phase for each in timeline.phases]  # while the other one still runs
    leave.set()
    other.join()
    assert recorded == [each.phase for each in timeline.phases] == ["step"]


def test_without_a_timeline_a_phase_costs_and_records_nothing() -> None:
    meter = FakeMeter()
    with track("before"):
        pass
    with MemoryTimeline(meter) as timeline:
        pass
    with track("after"):
        pass
    assert timeline.phases == ()
    assert meter.resets == 0


def test_an_inner_timeline_records_until_it_is_closed() -> None:
    outer, inner = MemoryTimeline(FakeMeter()), MemoryTimeline(FakeMeter())
    with outer:
        with inner, track("within"):
            pass
        with track("again"):
            pass
    assert [each.phase for each in inner.phases] == ["within"]
    assert [each.phase for each in outer.phases] == ["again"]


def test_a_phase_ends_in_the_timeline_it_began_in() -> None:
    meter, phase = FakeMeter(), track("long")
    with MemoryTimeline(meter) as timeline:
        phase.__enter__()
    meter.take(3)
    phase.__exit__(None, None, None)
    assert [(each.phase, each.peak) for each in timeline.phases] == [("long", 103)]


def test_rows_have_the_names_of_a_phase_and_times_that_fit_together() -> None:
    with MemoryTimeline(FakeMeter()) as timeline, track("a"), track("b"):
        pass
    rows = timeline.as_rows()
    assert [tuple(row) for row in rows] == [Phase._fields] * 2
    outer, inner = timeline.phases
    assert 0 <= outer.began <= inner.began
    assert inner.began + inner.seconds <= outer.began + outer.seconds


def test_a_timeline_is_opened_once() -> None:
    timeline = MemoryTimeline(FakeMeter())
    with timeline:
        pass
    with pytest.raises(InvalidInputError, match="make a new MemoryTimeline"):
        timeline.__enter__()


@pytest.mark.parametrize("name", ["", "a/b", 3, None])
def test_a_phase_has_a_plain_name(name: Any) -> None:
    with pytest.raises(InvalidInputError, match='track, phase: expected a name without "/"'):
        track(name)


def test_the_memory_of_this_process_is_seen_by_phase() -> None:
    with MemoryTimeline() as timeline:
        with track("large"):
            np.ones(80 * MIB, np.uint8)
        with track("small"):
            np.ones(MIB, np.uint8)
    large, small = timeline.phases
    assert large.peak > large.before + 60 * MIB
    if timeline.of == "host: this process":
        assert small.peak < large.peak - 40 * MIB
