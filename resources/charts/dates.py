"""Which sessions a time axis names, and how; the axis itself."""

import numpy as np

from kernels.panel import Float64Array1D, SessionArray1D
from resources.charts.frame import EDGE, Frame
from resources.charts.sheet import SMALL, Sheet
from resources.charts.theme import paint
from resources.charts.words import text_width

DATE_ROOM = 24.0
"""Height of the time axis below the frame, in pixels."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600)
_MONTH_ROOM = 46.0
_DAY_STEPS = (1, 2, 5, 10, 20)
_DAY_ROOM = 66.0


def draw_time_axis(
    sheet: Sheet, frame: Frame, sessions: SessionArray1D, x: Float64Array1D, *, right: float | None = None
) -> None:
    """Draw a short line and a date for some sessions below the frame.

    Args:
        sheet: to draw on.
        frame: dates stand below it.
        sessions: `datetime64[D]` [T].
        x: float64 [T], where each session is, in pixels, rising.
        right: where the room for dates ends; None for the edge of the sheet.
    """
    limit = sheet.width - 0.5 * EDGE if right is None else right
    sheet.line(frame.left, frame.bottom, frame.right, frame.bottom, class_="axis", stroke=paint("bar"))
    free_from = 0.5 * EDGE
    with sheet.group(class_="dates", font_size=SMALL, fill=paint("muted"), text_anchor="middle"):
        for index, words, is_year in date_ticks(sessions, float(x[-1] - x[0])):
            at = float(x[index])
            half = 0.5 * text_width(words, SMALL, bold=is_year)
            middle = min(max(at, 0.5 * EDGE + half), limit - half)
            if middle - half < free_from:
                continue
            sheet.line(at, frame.bottom, at, frame.bottom + 4.0, stroke=paint("bar"))
            sheet.text(middle, frame.bottom + 16.0, words, font_weight="bold" if is_year else None)
            free_from = middle + half + 6.0


def date_ticks(sessions: SessionArray1D, width: float) -> list[tuple[int, str, bool]]:
    """The sessions that a time axis names: the first ones of months or years, or every so many days.

    Args:
        sessions: `datetime64[D]` [T].
        width: pixels from the first to the last.

    Returns:
        Index of the session, its words, and whether it is named by its year. The first one says its year in any case.
    """
    months = sessions.astype("datetime64[M]").astype(np.int64)
    begins = np.flatnonzero(np.diff(months, prepend=months[0] - 1))
    if _day(sessions[0]) > 7:
        begins = begins[1:]
    if len(begins) < 2:
        return _days(sessions, width)
    least = _MONTH_ROOM * float(months[-1] - months[0] + 1) / max(width, 1.0)
    step = next((each for each in _MONTH_STEPS if each >= least), _MONTH_STEPS[-1])
    due = np.arange(-(-months[begins[0]] // step) * step, months[-1] + 1, step)
    # Where no session lies in a month that is due, the next one stands for it.
    indexes = begins[np.unique(np.searchsorted(months[begins], due))] if len(due) else begins[:1]
    ticks: list[tuple[int, str, bool]] = []
    for index in indexes.tolist():
        years, month = divmod(int(months[index]), 12)
        words = str(1970 + years) if month == 0 else _MONTHS[month]
        ticks.append((index, words if ticks or month == 0 else f"{words} {1970 + years}", month == 0))
    return ticks


def _days(sessions: SessionArray1D, width: float) -> list[tuple[int, str, bool]]:
    gap = max(width / max(len(sessions) - 1, 1), 1e-9)
    step = next((each for each in _DAY_STEPS if each * gap >= _DAY_ROOM), len(sessions))
    ticks: list[tuple[int, str, bool]] = []
    for index in range(0, len(sessions), step):
        words = f"{_MONTHS[int(sessions[index].astype('datetime64[M]').astype(int)) % 12]} {_day(sessions[index])}"
        year = "" if ticks else f" {sessions[index].astype('datetime64[Y]')}"
        ticks.append((index, words + year, False))
    return ticks


def _day(session: np.datetime64) -> int:
    return int((session - session.astype("datetime64[M]")).astype(int)) + 1
