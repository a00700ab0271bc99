"""Events go out at most once: what is recorded before and after, what is tried again, and what is given up."""

import json
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import pytest

from kernels.errors import LakeError
from resources.alert_delivery import BUDGET, PAUSES, Clock, deliver, settle_unfinished
from resources.alert_records import FOLDER, AlertRecord, AlertRecords, State
from resources.alerts import Event, event_id
from resources.calendar import ALL_SESSIONS, session_number
from resources.canonical_json import canonical_json
from resources.lake_files import LakeFiles
from resources.webhook import Fate, Outcome

MONDAY = date(2018, 1, 22)
OK, NO, LOST = Outcome(Fate.SENT, "HTTP status 200"), Outcome(Fate.FAILED, "HTTP status 500"), Outcome(
    Fate.UNKNOWN, "no answer: TimeoutError"
)  # fmt: skip


def event(name: str = "a1", session: date = MONDAY, kind: str = "new_setup") -> Event:
    identity = event_id(kind, name, session.isoformat())
    return {"id": identity, "kind": kind, "session": session.isoformat(), "symbol": "AAA", "pattern_id": name}


def later(sessions: int) -> date:
    day: date = ALL_SESSIONS[session_number(MONDAY) + sessions].item()
    return day


class Time:
    """A clock that moves only by sleeping, and by what a request costs."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


class Posts:
    """Answers one request after the other, and looks at the records as they are while it is on its way."""

    def __init__(self, records: AlertRecords, time: Time, *outcomes: Outcome, cost: float = 0.0) -> None:
        self.records, self.time, self.cost = records, time, cost
        self.outcomes = list(outcomes)
        self.sent: list[str] = []
        self.states: list[dict[str, State]] = []

    def __call__(self, body: bytes, headers: Mapping[str, str]) -> Outcome:
        sent = json.loads(body)
        assert body == canonical_json(sent)
        assert headers == {"Idempotency-Key": sent["id"]}
        self.sent.append(sent["pattern_id"])
        self.states.append({record.event["pattern_id"]: record.state for record in self.records.all()})
        self.time.seconds += self.cost
        return self.outcomes.pop(0) if self.outcomes else OK


@pytest.fixture
def files(root: str) -> LakeFiles:
    return LakeFiles(root)


@pytest.fixture
def records(files: LakeFiles) -> AlertRecords:
    return AlertRecords(files)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def warnings() -> list[str]:
    return []


def states(records: AlertRecords) -> dict[str, tuple[State, int]]:
    """Pattern -> state and attempts, as a new process would read them."""
    fresh = AlertRecords(records._files)
    return {record.event["pattern_id"]: (record.state, record.attempts) for record in fresh.all()}


@pytest.fixture
def send(records: AlertRecords, time: Time, warnings: list[str]) -> Callable[..., tuple[Posts, dict[str, int]]]:
    def deliver_all(*outcomes: Outcome, cost: float = 0.0) -> tuple[Posts, dict[str, int]]:
        posts = Posts(records, time, *outcomes, cost=cost)
        return posts, dict(deliver(records, posts, Clock(time.now, time.sleep), warnings.append))

    return deliver_all


Send = Callable[..., tuple[Posts, dict[str, int]]]


def test_the_record_says_sending_while_it_is_on_its_way(records: AlertRecords, send: Send) -> None:
    assert records.add([event()]) == 1
    assert states(records) == {"a1": (State.WAITING, 0)}
    posts, made = send()
    assert posts.states == [{"a1": State.SENDING}]
    assert made == {"sent": 1}
    assert states(records) == {"a1": (State.SENT, 1)}
    assert [record.reason for record in records.all()] == ["HTTP status 200"]


def test_what_was_sent_is_neither_sent_nor_found_again(records: AlertRecords, send: Send) -> None:
    records.add([event()])
    send()
    assert records.add([event()]) == 0
    posts, made = send()
    assert (posts.sent, made) == ([], {})


def test_a_failure_is_tried_three_times_more_with_growing_waits(records: AlertRecords, send: Send, time: Time) -> None:
    records.add([event()])
    posts, made = send(NO, NO, NO, OK)
    assert posts.sent == ["a1"] * 4
    assert time.slept == list(PAUSES) == [1.0, 2.0, 4.0]
    assert made == {"sent": 1}
    assert states(records) == {"a1": (State.SENT, 4)}


def test_what_still_fails_waits_for_the_next_time(records: AlertRecords, send: Send, time: Time) -> None:
    records.add([event()])
    posts, made = send(*[NO] * 4)
    assert len(posts.sent) == 4
    assert made == {"failed": 1, "because HTTP status 500": 1}
    assert states(records) == {"a1": (State.FAILED, 4)}
    posts, made = send(NO)
    assert (len(posts.sent), made) == (2, {"sent": 1})
    assert states(records) == {"a1": (State.SENT, 6)}
    assert time.slept == [*PAUSES, PAUSES[0]]


def test_one_that_fails_holds_up_no_other(records: AlertRecords, send: Send) -> None:
    records.add([event("a1"), event("b1"), event("c1")])
    first = [record.event["pattern_id"] for record in records.all()]
    posts, made = send(NO, OK, OK, NO, NO, NO)
    assert posts.sent == [*first, *[first[0]] * 3]
    assert (made["sent"], made["failed"]) == (2, 1)
    # And what was found since goes before what has failed so often.
    records.add([event("d1", session=later(1))])
    assert send()[0].sent == ["d1", first[0]]


def test_earlier_sessions_go_first(records: AlertRecords, send: Send) -> None:
    days = [later(2), later(0), later(3), later(1)]
    records.add([event(f"of {day}", session=day) for day in days])
    assert send()[0].sent == [f"of {day}" for day in sorted(days)]


def test_no_answer_is_unknown_said_aloud_and_never_sent_again(
    records: AlertRecords, send: Send, warnings: list[str]
) -> None:
    records.add([event()])
    assert send(LOST)[1] == {"unknown": 1}
    assert send()[0].sent == []
    assert states(records) == {"a1": (State.UNKNOWN, 1)}
    [warning] = warnings
    assert event()["id"] in warning
    assert warning.endswith("is unknown: no answer: TimeoutError")


def test_after_a_crash_while_sending_it_is_unknown_and_never_sent_again(
    records: AlertRecords, send: Send, files: LakeFiles, time: Time, warnings: list[str]
) -> None:
    def crash(*_: Any) -> Outcome:
        raise KeyboardInterrupt

    records.add([event()])
    with pytest.raises(KeyboardInterrupt):
        deliver(records, crash, Clock(time.now, time.sleep), warnings.append)
    assert states(records) == {"a1": (State.SENDING, 1)}
    settle_unfinished(AlertRecords(files), MONDAY, warnings.append)
    assert states(records) == {"a1": (State.UNKNOWN, 1)}
    assert send()[0].sent == []
    [warning] = warnings
    assert event()["id"] in warning
    assert "is unknown: the process ended while it was on its way; it isn't sent again" in warning


def test_a_disk_that_refuses_the_record_stops_the_sending_before_it_begins(
    records: AlertRecords, time: Time, warnings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    records.add([event()])
    posts = Posts(records, time)

    def full(*_: object) -> None:
        raise LakeError("write", expected="space", got="none", mend="free some")

    monkeypatch.setattr(LakeFiles, "write", full)
    with pytest.raises(LakeError):
        deliver(records, posts, Clock(time.now, time.sleep), warnings.append)
    assert posts.sent == []


def test_nothing_is_begun_after_the_time_is_used_up(records: AlertRecords, send: Send, time: Time) -> None:
    records.add([event(f"{number}") for number in range(10)])
    posts, made = send(cost=8.0)
    assert len(posts.sent) == 4
    assert made == {"sent": 4, "waiting": 6}
    assert time.seconds - 100.0 <= BUDGET + 8.0
    posts, made = send(*[NO] * 4, cost=8.0)
    assert made == {"failed": 4, "waiting": 2, "because HTTP status 500": 4}
    assert time.slept == []
    # The two that were never tried come first.
    untried = [record.event["pattern_id"] for record in records.all() if not record.attempts]
    assert len(untried) == 2
    assert send(cost=8.0)[0].sent[:2] == untried


@pytest.mark.parametrize(("sessions", "given_up"), [(5, False), (6, True)])
def test_after_five_sessions_it_is_given_up_and_said_aloud(
    records: AlertRecords, send: Send, warnings: list[str], sessions: int, given_up: bool
) -> None:
    records.add([event("failed"), event("waiting")])
    [failed] = [record for record in records.all() if record.event["pattern_id"] == "failed"]
    records.write(failed.moved(State.FAILED, "HTTP status 500", tried=7))
    settle_unfinished(records, later(sessions), warnings.append)
    assert len(warnings) == (2 if given_up else 0)
    assert len(send()[0].sent) == (0 if given_up else 2)
    if given_up:
        assert set(states(records).values()) == {(State.GIVEN_UP, 7), (State.GIVEN_UP, 0)}
        [line] = [warning for warning in warnings if failed.event["id"] in warning]
        assert line.endswith("after 7 attempts; the last reason: HTTP status 500")


def test_setups_that_the_receiver_may_hear_of_are_told_until_their_end_is(records: AlertRecords) -> None:
    for state in State:
        records.write(AlertRecord(event(state.value), state))
    ended = event("ended")
    records.write(AlertRecord(ended, State.SENT))
    records.write(AlertRecord(event("ended", later(1), "invalidated"), State.FAILED))
    told = {record.event["pattern_id"] for record in records.told_setups()}
    assert told == {"waiting", "sending", "failed", "sent", "unknown"}


def test_a_record_is_plain_json_without_the_time(records: AlertRecords, files: LakeFiles) -> None:
    records.add([event()])
    assert json.loads(files.read(FOLDER, f"{event()['id']}.json")) == {
        "format": 1,
        "state": "waiting",
        "reason": "",
        "attempts": 0,
        "event": event(),
    }


def test_another_process_sees_what_was_written(records: AlertRecords, files: LakeFiles) -> None:
    records.add([event()])
    other = AlertRecords(files)
    [record] = other.open()
    other.write(record.moved(State.SENT, "HTTP status 200", tried=1))
    assert records.open() == []


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        canonical_json({"format": 2}),
        canonical_json({"format": 1, "state": "lost", "reason": "", "attempts": 0, "event": event()}),
        canonical_json({"format": 1, "state": "sent", "reason": "", "attempts": 0, "event": event("b1")}),
        canonical_json({"format": 1, "state": "sent", "reason": "", "event": event()}),
    ],
)
def test_a_damaged_record_is_named_and_nothing_is_guessed(
    records: AlertRecords, files: LakeFiles, damaged: bytes
) -> None:
    name = f"{event()['id']}.json"
    files.write(FOLDER, name, damaged)
    with pytest.raises(LakeError, match=name) as caught:
        records.open()
    assert "delete the file" in caught.value.mend
    # It isn't sent while it is there.
    assert records.add([event()]) == 0


def test_an_empty_lake_has_no_records(records: AlertRecords, send: Send) -> None:
    assert records.all() == []
    assert send()[1] == {}
