"""The controls above a table. The page's script uses them; without it they stay hidden, and the table is whole."""

from collections.abc import Sequence
from dataclasses import dataclass

from resources.report.markup import Html, join, tag


@dataclass(frozen=True)
class Search:
    """Rows whose cell contains what is typed.

    Attributes:
        label: of the control.
        column: number of the first column that is looked in, from 0.
        until: the column after the last one that is looked in; 0 = only `column`.
    """

    label: str
    column: int
    until: int = 0


@dataclass(frozen=True)
class Choice:
    """Rows whose cell is the chosen word."""

    label: str
    column: int
    words: Sequence[str]


@dataclass(frozen=True)
class Least:
    """Rows whose number is at least the one typed, in steps of `step`."""

    label: str
    column: int
    step: str


@dataclass(frozen=True)
class Most:
    """Rows whose number is at most the one typed, in steps of `step`."""

    label: str
    column: int
    step: str


Filter = Search | Choice | Least | Most


def filters(table_id: str, counted: str, every: Sequence[Filter]) -> Html:
    """The controls of one table, and how many rows they leave."""
    controls = [_control(f"{table_id}-{place}", each) for place, each in enumerate(every)]
    return tag(
        "form",
        join(controls),
        tag("button", "Clear", type="reset"),
        tag("output", counted),
        class_="filters",
        data_table=table_id,
        role="search",
        aria_label="Rows of the table",
        hidden=True,
    )


def _control(id_: str, each: Filter) -> Html:
    common: dict[str, str | int] = {"id": id_, "data_column": each.column}
    if isinstance(each, Search):
        box = tag("input", type="search", data_test="has", data_until=each.until or None, autocomplete="off", **common)
    elif isinstance(each, Choice):
        options = join([tag("option", "all", value=""), *(tag("option", words) for words in each.words)])
        box = tag("select", options, data_test="is", **common)
    else:
        test = "least" if isinstance(each, Least) else "most"
        box = tag("input", type="number", min="0", step=each.step, data_test=test, inputmode="decimal", **common)
    return tag("div", tag("label", each.label, for_=id_), box)
