"""Sends the events that wait: each at most once, those that certainly failed again, and none in silence.

What belongs here: which event is sent when, and what becomes of its record. What doesn't: the request
(`resources/webhook`), and the records' files (`resources/alert_records`).
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from resources.alert_records import AlertRecord, AlertRecords, State
from resources.calendar import session_number
from resources.canonical_json import canonical_json
from resources.webhook import Outcome

PAUSES = (1.0, 2.0, 4.0)
"""Seconds before the second, third and fourth try of what failed."""

BUDGET = 30.0
"""Seconds after which nothing more is begun: Dagster ends the evaluation of a sensor after 60."""

SESSIONS_TRIED = 5
"""An event is given up when the newest session is more sessions than this after its own."""

Post = Callable[[bytes, Mapping[str, str]], Outcome]


@dataclass(frozen=True)
class Clock:
    """Time, so that a test needn't wait.

    Attributes:
        now: seconds since some moment, never falling.
        sleep: waits for seconds.
    """

    now: Callable[[], float]
    sleep: Callable[[float], None]


def settle_unfinished(records: AlertRecords, newest: date, warn: Callable[[str], None]) -> None:
    """Close the records that can't be tried any more: cut off by a crash, or too old. Each is a warning.

    Args:
        records: of the lake; nobody else may be sending them.
        newest: the newest session with patterns.
        warn: takes one line.
    """
    for record in records.open():
        if record.state == State.SENDING:
            reason = "the process ended while it was on its way; it isn't sent again"
            close(records, record.moved(State.UNKNOWN, reason), warn)
        elif session_number(newest) - session_number(_session(record)) > SESSIONS_TRIED:
            last = f"; the last reason: {record.reason}" if record.reason else ""
            reason = f"not delivered within {SESSIONS_TRIED} sessions, after {record.attempts} attempts{last}"
            close(records, record.moved(State.GIVEN_UP, reason), warn)


def close(records: AlertRecords, record: AlertRecord, warn: Callable[[str], None]) -> None:
    """Write a record that nothing more is done about, and say so."""
    records.write(record)
    event = record.event
    warn(
        f"alert {event['id']} ({event['kind']} of {event['symbol']}, {event['session']}) is {record.state}: "
        f"{record.reason}"
    )


def deliver(records: AlertRecords, post: Post, clock: Clock, warn: Callable[[str], None]) -> Counter[str]:
    """Send every event that waits or has failed, each of them once before any is tried again.

    Args:
        records: of the lake; none of them `SENDING`.
        post: sends one body.
        clock: bounds how long it takes.
        warn: takes one line, about each event whose delivery is unknown.

    Returns:
        How many of them are now sent, failed, unknown or still waiting, and under "because ..." why some failed.
    """
    began = clock.now()
    # What was tried less often comes first, so that one that always fails holds up no other.
    pending = sorted(records.open(), key=lambda record: record.attempts)
    made: Counter[str] = Counter()
    for pause in (0.0, *PAUSES):
        if not pending or clock.now() + pause - began > BUDGET:
            break
        if pause:
            clock.sleep(pause)
        left = []
        for record in pending:
            late = clock.now() - began > BUDGET
            tried = record if late else _send(records, record, post, warn)
            if tried.state in (State.WAITING, State.FAILED):
                left.append(tried)
            else:
                made[tried.state] += 1
        pending = left
    made.update(record.state for record in pending)
    made.update(f"because {record.reason}" for record in pending if record.state == State.FAILED)
    return made


def _send(records: AlertRecords, record: AlertRecord, post: Post, warn: Callable[[str], None]) -> AlertRecord:
    sending = record.moved(State.SENDING, "", tried=1)
    records.write(sending)
    event = sending.event
    outcome = post(canonical_json(event), {"Idempotency-Key": event["id"]})
    done = sending.moved(State(outcome.fate.value), outcome.reason)
    if done.state == State.UNKNOWN:
        close(records, done, warn)
    else:
        records.write(done)
    return done


def _session(record: AlertRecord) -> date:
    return date.fromisoformat(record.event["session"])
