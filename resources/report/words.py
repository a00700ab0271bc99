"""Numbers and dates in words, as a person says them."""

from datetime import date

from resources.charts.wave_input import leg_names
from resources.charts.words import count_of, number_words, price_words
from resources.pick_tables import LARGEST_SHOWN_RATIO
from resources.report.markup import UNKNOWN, Cell

FALSE_DISCOVERIES = 0.1
"""A find counts as a discovery up to this false-discovery rate."""

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_NO_WAVES = "series without waves"


def long_date(day: date) -> str:
    """Wednesday, 7 February 2018."""
    return f"{_DAYS[day.weekday()]}, {short_date(day)}"


def short_date(day: date) -> str:
    """7 February 2018."""
    return f"{day_and_month(day)} {day.year}"


def day_and_month(day: date) -> str:
    """7 February."""
    return f"{day.day} {_MONTHS[day.month - 1]}"


def chance_words(p_value: float, surrogates: int) -> str:
    """A p-value: "1 in 240 series without waves scores as well"."""
    if p_value * (1.0 + surrogates) < 1.5:
        return f"none of {surrogates:,} {_NO_WAVES} scores as well"
    if p_value >= 0.1:
        return f"{round(100.0 * p_value)} in 100 {_NO_WAVES} score as well"
    return f"1 in {round(1.0 / p_value):,} {_NO_WAVES} scores as well"


def false_words(q_value: float) -> str:
    """A q-value: "expect 7 of 10 such finds to be chance"."""
    if q_value >= 0.95:
        return "expect all such finds to be chance"
    if q_value >= 0.05:
        return f"expect {max(round(10.0 * q_value), 1)} of 10 such finds to be chance"
    if q_value >= 0.01:
        return f"expect {round(100.0 * q_value)} of 100 such finds to be chance"
    return f"expect 1 in {round(1.0 / q_value):,} such finds to be chance" if q_value > 0.0 else "expect none by chance"


def class_words(name: str) -> str:
    """contracting_triangle: "contracting triangle"."""
    return name.replace("_", " ")


def side_of(direction: int, legs: int) -> int:
    """Where the next wave goes, 1 up or -1 down: an even number of legs done, and it goes where the first went."""
    return direction if legs % 2 == 0 else -direction


def leg_to_come(wave_class: str, legs: int) -> str:
    """The name of the wave to come of a setup: 5, or C."""
    return leg_names(wave_class)[legs]


def next_wave(wave_class: str, direction: int, legs: int) -> str:
    """The wave to come of a setup, and where it goes: "5 up"."""
    return f"{leg_to_come(wave_class, legs)} {'up' if side_of(direction, legs) > 0 else 'down'}"


def direction_words(direction: int) -> str:
    """Where a pattern starts out."""
    return "upward" if direction > 0 else "downward"


def p_number(value: float | None) -> str:
    """A p-value to five decimals, so that a column of them lines up."""
    if value is None:
        return UNKNOWN
    return f"{value:.5f}" if value >= 5e-6 else f"{value:.1e}"


def number(value: float | None, decimals: int = 2) -> str:
    """A number, or a dash."""
    return UNKNOWN if value is None else number_words(value, decimals)


def price(value: float | None) -> str:
    """A price, or a dash."""
    return UNKNOWN if value is None else price_words(value)


def ratio(value: float | None) -> str | Cell:
    """Gain over risk; beyond the largest shown one the digits say nothing."""
    if value is None:
        return UNKNOWN
    return f"{value:.2f}" if value <= LARGEST_SHOWN_RATIO else Cell(f"> {LARGEST_SHOWN_RATIO}", value)


def share(value: float) -> str:
    """A share without a sign: 10 %."""
    return f"{100.0 * value:g} %"


def many(count: int, noun: str) -> str:
    """A number of things, with "no" for none: no setups, 1 setup, 2 setups."""
    return count_of(count, noun) if count else f"no {noun}s"


def day_command(session: date) -> str:
    """The command that runs the whole chain for a session."""
    return f'dagster job execute -m definitions -j daily_sp500 --tags \'{{"dagster/partition": "{session}"}}\''


def year_command(job: str, year: int) -> str:
    """The command of a job over years."""
    return f'dagster job execute -m definitions -j {job} --tags \'{{"dagster/partition": "{year}"}}\''
