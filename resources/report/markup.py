"""HTML out of words: everything is escaped unless it was made here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from resources.charts.words import escaped

UNKNOWN = "\u2013"
"""What stands in a cell whose value isn't known."""

_VOID = frozenset({"input", "meta"})

Attribute = str | int | bool | None


class Html(str):
    """Words that are HTML already."""

    __slots__ = ()


def text(words: str) -> Html:
    """Words as HTML: escaped, on one line, without characters that a page can't hold."""
    return words if isinstance(words, Html) else Html(escaped(words))


def join(parts: Iterable[str], between: str = "") -> Html:
    """Parts one after the other."""
    return Html(between.join([text(part) for part in parts]))


def tag(name: str, /, *children: str, **attributes: Attribute) -> Html:
    """An element.

    Args:
        name: of the element.
        children: what is in it; escaped unless `Html`.
        attributes: True stands without a value; None and False are left out. A `_` in a name stands for `-`, but for
            one at its end, which is dropped.
    """
    parts = []
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        attribute = key.removesuffix("_").replace("_", "-")
        parts.append(f" {attribute}" if value is True else f' {attribute}="{escaped(str(value))}"')
    opened = f"<{name}{''.join(parts)}>"
    return Html(opened if name in _VOID else f"{opened}{join(children)}</{name}>")


def svg(chart: str) -> Html:
    """A chart of `resources.charts`, whose words are escaped already."""
    return Html(chart)


def paragraph(*sentences: str, class_: str | None = None) -> Html:
    """Sentences with a space between them; empty ones are left out."""
    return tag("p", join([each for each in sentences if each], " "), class_=class_)


def code(words: str) -> Html:
    """A command, or a fingerprint."""
    return tag("code", words)


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: above it.
        number: whether its cells are numbers: those stand on the right.
        falling: whether a first click sorts it from high to low.
        wide: whether its cells may break into lines.
        hint: what it means, or "".
    """

    title: str
    number: bool = False
    falling: bool = False
    wide: bool = False
    hint: str = ""


class Cell(NamedTuple):
    """A cell that is sorted and filtered by something else than its words."""

    words: str
    value: float | str


def table(
    caption: str, columns: Sequence[Column], rows: Iterable[Sequence[str | Cell]], *, id_: str, sortable: bool = False
) -> Html:
    """A table in a region that scrolls sideways by itself where it doesn't fit.

    Args:
        caption: what it shows.
        columns: its columns; the cells of the first one name their rows.
        rows: as many cells as there are columns in each.
        id_: of the table; unique on the page.
        sortable: whether the page's script lets readers sort, filter and page it.
    """
    classes = [_classes(column) for column in columns]
    head = join(
        tag(
            "th",
            column.title,
            scope="col",
            class_=_classes(column) or None,
            title=column.hint or None,
            data_falling=sortable and column.falling,
        )
        for column in columns
    )
    opened = [f'<td class="{each}"' if each else "<td" for each in classes]
    body = []
    for row in rows:
        body.append("<tr>")
        for place, (cell, start) in enumerate(zip(row, opened, strict=True)):
            words, value = cell if isinstance(cell, Cell) else (cell, None)
            sort = "" if value is None else f' data-v="{escaped(str(value))}"'
            begin, end = ('<th scope="row"', "</th>") if place == 0 else (start, "</td>")
            body.append(f"{begin}{sort}>{text(words)}{end}")
        body.append("</tr>\n")
    inner = join(
        [
            tag("caption", caption, id=f"{id_}-caption"),
            tag("thead", tag("tr", head)),
            tag("tbody", Html("\n" + "".join(body))),
        ]
    )
    return tag(
        "div",
        tag("table", inner, id=id_, class_="sortable" if sortable else None),
        class_="scroll",
        role="region",
        tabindex="0",
        aria_labelledby=f"{id_}-caption",
    )


def _classes(column: Column) -> str:
    return " ".join(name for name, there in (("number", column.number), ("wide", column.wide)) if there)


def none(words: str) -> Html:
    """A remark that there is nothing to show, where nothing is as good as something."""
    return tag("p", words, class_="note")


def facts(pairs: Iterable[tuple[str, str]], *, class_: str = "facts") -> Html:
    """Names and what they are, as a list of descriptions."""
    return tag("dl", join(tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs), class_=class_)


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Attributes:
        id: its anchor.
        title: its heading.
        body: what is in it.
        missing: why something in it isn't there; "" where everything is.
    """

    id: str
    title: str
    body: Html
    missing: str = ""


def missing(why: str, command: str = "") -> Html:
    """A remark that something isn't there, and the command that makes it."""
    how = join([Html(" "), "This makes it:", code(command)]) if command else ""
    return tag("p", why, how, class_="missing")
