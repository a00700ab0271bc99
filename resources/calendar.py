"""The exchange sessions of the New York Stock Exchange, 2000-01-03 to 2027-12-31.

The closed days are a literal: the library that knows them takes over a second to import. A test compares them with it.
What belongs here: dates. What doesn't: Dagster's partitions, which are made from these in `assets/partitions.py`.
"""

from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from kernels.errors import SessionError

EXCHANGE_TIME_ZONE = ZoneInfo("America/New_York")
FIRST_SESSION = date(2000, 1, 3)
LAST_DAY = date(2027, 12, 31)

# Weekdays on which the exchange was or will be closed all day, by year, as month-day.
_CLOSED_WEEKDAYS = {
    2000: "01-17 02-21 04-21 05-29 07-04 09-04 11-23 12-25",
    2001: "01-01 01-15 02-19 04-13 05-28 07-04 09-03 09-11 09-12 09-13 09-14 11-22 12-25",
    2002: "01-01 01-21 02-18 03-29 05-27 07-04 09-02 11-28 12-25",
    2003: "01-01 01-20 02-17 04-18 05-26 07-04 09-01 11-27 12-25",
    2004: "01-01 01-19 02-16 04-09 05-31 06-11 07-05 09-06 11-25 12-24",
    2005: "01-17 02-21 03-25 05-30 07-04 09-05 11-24 12-26",
    2006: "01-02 01-16 02-20 04-14 05-29 07-04 09-04 11-23 12-25",
    2007: "01-01 01-02 01-15 02-19 04-06 05-28 07-04 09-03 11-22 12-25",
    2008: "01-01 01-21 02-18 03-21 05-26 07-04 09-01 11-27 12-25",
    2009: "01-01 01-19 02-16 04-10 05-25 07-03 09-07 11-26 12-25",
    2010: "01-01 01-18 02-15 04-02 05-31 07-05 09-06 11-25 12-24",
    2011: "01-17 02-21 04-22 05-30 07-04 09-05 11-24 12-26",
    2012: "01-02 01-16 02-20 04-06 05-28 07-04 09-03 10-29 10-30 11-22 12-25",
    2013: "01-01 01-21 02-18 03-29 05-27 07-04 09-02 11-28 12-25",
    2014: "01-01 01-20 02-17 04-18 05-26 07-04 09-01 11-27 12-25",
    2015: "01-01 01-19 02-16 04-03 05-25 07-03 09-07 11-26 12-25",
    2016: "01-01 01-18 02-15 03-25 05-30 07-04 09-05 11-24 12-26",
    2017: "01-02 01-16 02-20 04-14 05-29 07-04 09-04 11-23 12-25",
    2018: "01-01 01-15 02-19 03-30 05-28 07-04 09-03 11-22 12-05 12-25",
    2019: "01-01 01-21 02-18 04-19 05-27 07-04 09-02 11-28 12-25",
    2020: "01-01 01-20 02-17 04-10 05-25 07-03 09-07 11-26 12-25",
    2021: "01-01 01-18 02-15 04-02 05-31 07-05 09-06 11-25 12-24",
    2022: "01-17 02-21 04-15 05-30 06-20 07-04 09-05 11-24 12-26",
    2023: "01-02 01-16 02-20 04-07 05-29 06-19 07-04 09-04 11-23 12-25",
    2024: "01-01 01-15 02-19 03-29 05-27 06-19 07-04 09-02 11-28 12-25",
    2025: "01-01 01-09 01-20 02-17 04-18 05-26 06-19 07-04 09-01 11-27 12-25",
    2026: "01-01 01-19 02-16 04-03 05-25 06-19 07-03 09-07 11-26 12-25",
    2027: "01-01 01-18 02-15 03-26 05-31 06-18 07-05 09-06 11-25 12-24",
}

CLOSED_DAYS = tuple(
    date.fromisoformat(f"{year}-{day}") for year, days in _CLOSED_WEEKDAYS.items() for day in days.split()
)


def _all_sessions() -> npt.NDArray[np.datetime64]:
    days = np.arange(np.datetime64(FIRST_SESSION), np.datetime64(LAST_DAY) + 1)
    closed = np.array(CLOSED_DAYS, dtype="datetime64[D]")
    every: npt.NDArray[np.datetime64] = days[np.is_busday(days, holidays=closed)]
    every.flags.writeable = False
    return every


ALL_SESSIONS = _all_sessions()


@cache
def _session_numbers() -> dict[date, int]:
    return {session: number for number, session in enumerate(ALL_SESSIONS.tolist())}


def is_session(day: date) -> bool:
    """Whether the exchange was or will be open on `day` (False outside 2000-01-03 to 2027-12-31)."""
    return day in _session_numbers()


def session_number(day: date) -> int:
    """The index of a session in `ALL_SESSIONS`.

    Raises:
        SessionError: `day` is a closed day or outside the calendar; the message names the nearest earlier session.
    """
    number = _session_numbers().get(day)
    if number is None:
        before = sessions(FIRST_SESSION, day)
        nearest = f"the session before it is {before[-1]}" if len(before) else f"the first session is {FIRST_SESSION}"
        raise SessionError(
            f"session {day}",
            expected=f"a day on which the New York Stock Exchange is open, {FIRST_SESSION} to {LAST_DAY}",
            got=f"{day:%A} {day}, a closed day" if FIRST_SESSION <= day <= LAST_DAY else f"{day}, outside the calendar",
            mend=f"choose an exchange session; {nearest}",
        )
    return number


def sessions(first: date, last: date) -> npt.NDArray[np.datetime64]:
    """The exchange sessions of the closed range `first` to `last`, `datetime64[D]`; either end may be a closed day."""
    low, high = np.searchsorted(ALL_SESSIONS, [np.datetime64(first), np.datetime64(last) + 1])
    return ALL_SESSIONS[low:high]


def sessions_left_in_month(days: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int32]:
    """How many sessions of its month come after each session, int32 of the shape of `days`."""
    of_all = ALL_SESSIONS.astype("datetime64[M]")
    after = np.searchsorted(of_all, days.astype("datetime64[M]"), side="right")
    return (after - 1 - np.searchsorted(ALL_SESSIONS, days)).astype(np.int32)


def newest_complete_session(now: datetime | None = None) -> date:
    """The newest session whose bar is complete: the last one before today's date in New York.

    Args:
        now: a moment with a time zone; the present if None.

    Raises:
        SessionError: `now` has no time zone, or lies before the end of the first session.
    """
    if now is not None and now.utcoffset() is None:
        raise SessionError(
            "the newest complete session",
            expected="a moment with a time zone",
            got=f"{now}, which is another moment on every machine",
            mend="pass a datetime with tzinfo",
        )
    today = (now or datetime.now(tz=EXCHANGE_TIME_ZONE)).astimezone(EXCHANGE_TIME_ZONE).date()
    complete = sessions(FIRST_SESSION, today - timedelta(days=1))
    if not len(complete):
        raise SessionError(
            "the newest complete session",
            expected=f"a moment after {FIRST_SESSION}",
            got=str(today),
            mend="check the clock of this machine",
        )
    newest: date = complete[-1].item()
    return newest
