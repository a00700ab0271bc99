"""What is worth an alert: setups that are new and unlike chance, and those of them that were invalidated.

What belongs here: from tables and bars to events. What doesn't: which events were sent (`resources/alert_records`), and
sending them (`resources/alert_delivery`).
"""

import hashlib
from collections.abc import Collection, Iterable
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kernels.as_of import PriceHistory, as_of_panel
from resources.calendar import ALL_SESSIONS, session_number

VERSION = 1
"""Raised when what an event says changes."""

NEW_SETUP, INVALIDATED = "new_setup", "invalidated"

COLUMNS = (
    "symbol",
    "pattern_id",
    "class",
    "direction",
    "status",
    "legs",
    "pivots",
    "score",
    "targets",
    "invalidation",
    "risk_reward",
    "p_value",
    "q_value",
)
"""Columns of `patterns` that events are made from."""

_COPIED = ("symbol", "pattern_id", "class", "direction", "legs", "score", "p_value", "q_value")
_SETUP = "setup"

Event = dict[str, Any]
"""What is sent, as JSON has it: docs/alerts.md describes each value."""


def event_id(kind: str, pattern_id: str, session: str) -> str:
    """SHA-256 of what happened to which pattern on which session (ISO date): the same whenever it is noticed."""
    return hashlib.sha256(f"{kind}\n{pattern_id}\n{session}".encode()).hexdigest()


def new_setups(patterns: pa.Table, session: date, p_value: float, risk_reward: float) -> list[Event]:
    """The setups that became known on a session and are unlike chance, in the order of the table.

    A setup becomes known on the session after that of its last pivot.

    Args:
        patterns: `patterns` of the session, at least `COLUMNS`.
        session: an exchange session.
        p_value: largest p-value; a setup without one is none.
        risk_reward: smallest gain over risk; likewise.

    Raises:
        SessionError: `session` is no exchange session.
    """
    before = ALL_SESSIONS[session_number(session) - 1].item()
    unlike_chance = pc.less_equal(patterns["p_value"], p_value)
    worth_it = pc.greater_equal(patterns["risk_reward"], risk_reward)
    chosen = pc.and_(pc.equal(patterns["status"], _SETUP), pc.and_(unlike_chance, worth_it))
    rows = patterns.filter(chosen).to_pylist()
    return [_new_setup(row, session) for row in rows if row["pivots"][-1]["session"] == before]


def standing_setups(patterns: pa.Table) -> set[str]:
    """The ids of the setups of a session's `patterns`."""
    return set(patterns["pattern_id"].filter(pc.equal(patterns["status"], _SETUP)).to_pylist())


def fallen_setups(setups: Iterable[Event], standing: Collection[str], history: PriceHistory) -> list[Event]:
    """The events of those setups that no longer stand and whose invalidation a bar has reached since.

    Args:
        setups: events of the kind `NEW_SETUP`, of sessions before the last one of the history.
        standing: ids of the setups that stand as of that session.
        history: the bars of their symbols. Bars that were known to be faulty by its last session don't count.

    Returns:
        Events of the last session of the history, their prices adjusted for the splits since.
    """
    session = history.sessions[-1].item()
    panel = as_of_panel(history)
    row = {symbol: place for place, symbol in enumerate(panel.symbols)}
    fallen = []
    for setup in setups:
        if setup["pattern_id"] in standing or setup["symbol"] not in row:
            continue
        place, since = row[setup["symbol"]], panel.sessions > np.datetime64(setup["session"])
        event = _invalidated(setup, session, float(np.prod(history.split_ratio[place, since])))
        # fmin and fmax pass over missing bars, and give NaN, which is beyond no price, where all are missing.
        lowest = np.fmin.reduce(panel.low[place, since], initial=np.nan)
        highest = np.fmax.reduce(panel.high[place, since], initial=np.nan)
        if lowest <= event["invalidation"] if setup["side"] > 0 else highest >= event["invalidation"]:
            fallen.append(event)
    return fallen


def _new_setup(row: dict[str, Any], session: date) -> Event:
    return {
        **_identity(NEW_SETUP, row["pattern_id"], session),
        **{name: row[name] for name in _COPIED},
        # An even number of legs done: the next one goes where the first went.
        "side": row["direction"] if row["legs"] % 2 == 0 else -row["direction"],
        "targets": row["targets"],
        "invalidation": row["invalidation"],
        "risk_reward": row["risk_reward"],
        "pivots": [{**pivot, "session": pivot["session"].isoformat()} for pivot in row["pivots"]],
    }


def _invalidated(setup: Event, session: date, splits: float) -> Event:
    """The event of a setup that has fallen; `splits` is how many shares one of its session has become."""
    return {
        **setup,
        **_identity(INVALIDATED, setup["pattern_id"], session),
        "targets": [target / splits for target in setup["targets"]],
        "invalidation": setup["invalidation"] / splits,
        "pivots": [{**pivot, "price": pivot["price"] / splits} for pivot in setup["pivots"]],
    }


def _identity(kind: str, pattern_id: str, session: date) -> Event:
    day = session.isoformat()
    return {"version": VERSION, "id": event_id(kind, pattern_id, day), "kind": kind, "session": day}
