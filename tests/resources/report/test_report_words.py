"""Numbers as a person says them."""

from datetime import date

import pytest

from resources.report import words


@pytest.mark.parametrize(
    ("p_value", "said"),
    [
        (1 / 20_001, "none of 20,000 series without waves scores as well"),
        (2 / 20_001, "1 in 10,000 series without waves scores as well"),
        (1 / 240, "1 in 240 series without waves scores as well"),
        (0.0999, "1 in 10 series without waves scores as well"),
        (0.25, "25 in 100 series without waves score as well"),
        (1.0, "100 in 100 series without waves score as well"),
    ],
)
def test_a_p_value_in_words(p_value, said) -> None:
    assert words.chance_words(p_value, 20_000) == said


@pytest.mark.parametrize(
    ("q_value", "said"),
    [
        (1.0, "expect all such finds to be chance"),
        (0.96, "expect all such finds to be chance"),
        (0.7, "expect 7 of 10 such finds to be chance"),
        (0.94, "expect 9 of 10 such finds to be chance"),
        (0.05, "expect 1 of 10 such finds to be chance"),
        (0.03, "expect 3 of 100 such finds to be chance"),
        (0.004, "expect 1 in 250 such finds to be chance"),
    ],
)
def test_a_q_value_in_words(q_value, said) -> None:
    assert words.false_words(q_value) == said


def test_dates_are_the_same_in_every_locale() -> None:
    assert words.long_date(date(2018, 2, 7)) == "Wednesday, 7 February 2018"
    assert words.long_date(date(2024, 12, 31)) == "Tuesday, 31 December 2024"


@pytest.mark.parametrize(
    ("value", "said"), [(None, "\u2013"), (0.05, "0.05000"), (5.04e-5, "0.00005"), (2e-6, "2.0e-06"), (1.0, "1.00000")]
)
def test_p_values_of_a_column_line_up(value, said) -> None:
    assert words.p_number(value) == said


def test_the_wave_to_come_and_where_it_goes() -> None:
    assert words.next_wave("impulse", 1, 4) == "5 up"
    assert words.next_wave("impulse", 1, 3) == "4 down"
    assert words.next_wave("zigzag", -1, 2) == "C down"
    assert words.next_wave("contracting_triangle", -1, 4) == "E down"


def test_gain_over_risk_beyond_the_largest_shown_one_is_sorted_by_its_value() -> None:
    assert words.ratio(None) == "\u2013"
    assert words.ratio(2.345) == "2.35"
    assert words.ratio(316.5) == ("> 100", 316.5)


def test_counts_and_shares() -> None:
    assert [words.many(count, "setup") for count in (0, 1, 2, 43_244)] == [
        "no setups",
        "1 setup",
        "2 setups",
        "43,244 setups",
    ]
    assert words.share(0.1) == "10 %"
    assert words.number(None) == words.price(None) == "\u2013"
    assert words.price(1416.784) == "1,416.78"
