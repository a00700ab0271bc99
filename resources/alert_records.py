"""`AlertRecords`: what became of each event, one small file each: `<lake>/alerts/<event id>.json`.

A record is written before its event is sent, so a crash can't send it again. What belongs here: records to files and
back. What doesn't: sending (`resources/alert_delivery`).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache

from kernels.errors import LakeError
from resources.alerts import INVALIDATED, NEW_SETUP, Event
from resources.canonical_json import canonical_json
from resources.lake_files import LakeFiles, Stamp

FOLDER = "alerts"
FORMAT = 1
"""Raised when what a record holds beside its event changes."""

_SUFFIX = ".json"


class State(StrEnum):
    """How far an event has come.

    Attributes:
        WAITING: found, and not tried yet.
        SENDING: on its way; after a crash nobody knows whether it arrived.
        FAILED: not delivered for certain; it is tried again.
        SENT: the receiver has confirmed it.
        UNKNOWN: it was on its way, and no answer came; it is never sent again.
        GIVEN_UP: not delivered, and not tried again.
    """

    WAITING = "waiting"
    SENDING = "sending"
    FAILED = "failed"
    SENT = "sent"
    UNKNOWN = "unknown"
    GIVEN_UP = "given_up"


OPEN = (State.WAITING, State.SENDING, State.FAILED)
"""Where something is left to do."""


@dataclass(frozen=True)
class AlertRecord:
    """An event, and what became of it.

    Attributes:
        event: see `resources/alerts.py`.
        state: how far it has come.
        reason: why, in words.
        attempts: how often it was sent, or begun to be.
    """

    event: Event
    state: State
    reason: str = ""
    attempts: int = 0

    def moved(self, state: State, reason: str, *, tried: int = 0) -> "AlertRecord":
        """The same event in another state."""
        return replace(self, state=state, reason=reason, attempts=self.attempts + tried)


class AlertRecords:
    """The records of one lake; each file is read once for each process and stamp."""

    def __init__(self, files: LakeFiles) -> None:
        self._files = files
        self._read: dict[str, tuple[Stamp, AlertRecord]] = {}

    def write(self, record: AlertRecord) -> None:
        """Keep a record, replacing the event's older one. It is on the disk when this returns.

        Raises:
            LakeError: the storage refuses; the old record is untouched.
        """
        content = {
            "format": FORMAT,
            "state": record.state.value,
            "reason": record.reason,
            "attempts": record.attempts,
            "event": record.event,
        }
        self._files.write(FOLDER, record.event["id"] + _SUFFIX, canonical_json(content))
        self._files.settle(FOLDER)

    def add(self, events: Iterable[Event]) -> int:
        """Make a record of each event that has none, waiting; returns how many."""
        there = self._files.stamps(FOLDER)
        fresh = [event for event in events if event["id"] + _SUFFIX not in there]
        for event in fresh:
            self.write(AlertRecord(event, State.WAITING))
        return len(fresh)

    def all(self) -> list[AlertRecord]:
        """Every record, by session, then in the order of their ids.

        Raises:
            LakeError: a file that isn't a record.
        """
        stamps = {name: stamp for name, stamp in self._files.stamps(FOLDER).items() if name.endswith(_SUFFIX)}
        for name, stamp in stamps.items():
            if name not in self._read or self._read[name][0] != stamp:
                self._read[name] = (stamp, self._load(name))
        records = [self._read[name][1] for name in stamps]
        return sorted(records, key=lambda record: (record.event["session"], record.event["id"]))

    def open(self) -> list[AlertRecord]:
        """Those with something left to do."""
        return [record for record in self.all() if record.state in OPEN]

    def told_setups(self) -> list[AlertRecord]:
        """Those of setups that the receiver has heard of, or may hear of, and of whose end it hasn't."""
        records = self.all()
        ended = {record.event["pattern_id"] for record in records if record.event["kind"] == INVALIDATED}
        return [
            record
            for record in records
            if record.event["kind"] == NEW_SETUP
            and record.state != State.GIVEN_UP
            and record.event["pattern_id"] not in ended
        ]

    def _load(self, name: str) -> AlertRecord:
        try:
            content = json.loads(self._files.read(FOLDER, name))
            if content["format"] != FORMAT:
                raise ValueError(f"its format is {content['format']!r}")
            event = content["event"]
            if name != event["id"] + _SUFFIX:
                raise ValueError("it is of another event")
            return AlertRecord(event, State(content["state"]), content["reason"], content["attempts"])
        except (ValueError, KeyError, TypeError) as error:
            raise LakeError(
                f"record {self._files.uri(FOLDER, name)}",
                expected=f"the record of an alert in format {FORMAT}",
                got=f"{type(error).__name__}: {error}",
                mend="delete the file; whether its event was sent is then unknown",
            ) from error


@cache
def open_alert_records(root: str) -> AlertRecords:
    """The records of the lake at `root`; one for each root and process, so that what it has read stays warm."""
    return AlertRecords(LakeFiles(root))
