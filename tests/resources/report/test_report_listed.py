"""What the tables list: the least like chance, and the best one of every symbol."""

import pytest

from resources.report import report_page
from resources.report.listed import FEWEST, listed
from resources.report.ranking import best_first
from tests.page_checks import every, parsed, words_of
from tests.report_rows import confirmed_row, given, pattern_rows, patterns_table


def patterns(count: int, p_value: float | None, symbol: str = "AAA", first: float = 0.9) -> list[dict]:
    return [
        confirmed_row(symbol, f"{symbol}{p_value}{at:04d}", p_value=p_value, score=first - 1e-5 * at)
        for at in range(count)
    ]


def chosen(rows: list[dict], most: int = 1000):
    return listed(best_first(patterns_table(rows), "confirmed"), most)


def test_every_symbol_has_its_best_one_in_the_order_of_the_table() -> None:
    rows = [*patterns(FEWEST, 0.01), *patterns(3, 0.4, "BBB"), *patterns(3, 0.3, "CCC<b>")]
    found = chosen(rows)
    assert (found.every, found.sure, found.first) == (FEWEST + 6, FEWEST, FEWEST)
    assert found.rows["symbol"].to_pylist() == ["AAA"] * FEWEST + ["CCC<b>", "BBB"]
    assert found.rows["pattern_id"].to_pylist()[-2:] == ["CCC<b>0.30000", "BBB0.40000"]
    assert "and the best one of each of 2 further symbols." in found.told("patterns")


@pytest.mark.parametrize(
    ("rows", "most", "count", "told"),
    [
        (patterns(5, 0.4), 1000, 5, "All patterns."),
        (patterns(250, 0.4), 1000, FEWEST, "Of 250 patterns, the 200 with the best scores."),
        (patterns(250, None), 1000, FEWEST, "Of 250 patterns, the 200 with the best scores."),
        (
            [*patterns(30, 0.05), *patterns(230, 0.06)],
            1000,
            FEWEST,
            "Of 260 patterns, 30 have a p-value up to 0.05; listed are the 200 best.",
        ),
        (
            [*patterns(240, 0.05), *patterns(1, 0.06, "BBB")],
            230,
            231,
            "Of 241 patterns, 240 have a p-value up to 0.05; listed are the best 230 of these, and the best one of one "
            "further symbol.",
        ),
        (
            [*patterns(240, 0.05), *patterns(10, 0.06)],
            1000,
            240,
            "Of 250 patterns, these 240 have a p-value up to 0.05. Chance alone would give many of them: see above.",
        ),
    ],
)
def test_so_many_are_listed_and_it_is_told_which(rows, most, count, told) -> None:
    found = chosen(rows, most)
    assert found.rows.num_rows == count
    assert found.told("patterns") == told


def test_the_confirmed_patterns_have_a_table() -> None:
    root = parsed(report_page(given(patterns=patterns_table(pattern_rows()))))
    [table] = [each for each in every(root, "table") if each.get("id") == "confirmed-table"]
    rows = [[words_of(cell) for cell in row] for row in every(every(table, "tbody")[0], "tr")]
    assert len(rows) == 4
    assert rows[0][:6] == ["AAA", "impulse", "upward", "0.750", "0.00100", "0.70"]
    assert rows[0][6:] == ["2017-11-09", "2018-02-06", "100.00", "130.00", "Energy"]
