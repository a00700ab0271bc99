"""What holds for every valid and accessible page: parse errors, ids, headings, names of controls, table headings."""

from collections import Counter
from itertools import pairwise
from xml.etree.ElementTree import Element

from tinyhtml5.parser import HTMLParser

_HTML = "{http://www.w3.org/1999/xhtml}"
_SVG = "{http://www.w3.org/2000/svg}"
_HEADINGS = tuple(f"{_HTML}h{level}" for level in range(1, 7))

_WORDS = "a button code em input label output select option span strong"
_HOLDING_WORDS = "a button code em h1 h2 h3 h4 label output p span strong summary"
_PHRASING = {f"{_HTML}{name}" for name in _WORDS.split()} | {f"{_SVG}svg"}
_PHRASING_ONLY = {f"{_HTML}{name}" for name in _HOLDING_WORDS.split()}
"""What holds words and what stands among words, but no blocks, which a parser puts up with."""

_CHILDREN = {
    f"{_HTML}{name}": frozenset(f"{_HTML}{child}" for child in children.split())
    for name, children in {
        "ul": "li",
        "dl": "div",
        "table": "caption thead tbody",
        "thead": "tr",
        "tbody": "tr",
        "tr": "th td",
        "select": "option",
    }.items()
}
_INTERACTIVE = frozenset(f"{_HTML}{name}" for name in ("a", "button", "input", "select", "label", "details"))


def parsed(page: str) -> Element:
    """The page as browsers parse it; it must not have a single error."""
    parser = HTMLParser()
    root = parser.parse(page)
    assert parser.errors == []
    return root


def words_of(element: Element) -> str:
    """All words in an element, on one line."""
    return " ".join("".join(element.itertext()).split())


def every(root: Element, name: str) -> list[Element]:
    """All HTML elements of some name."""
    return list(root.iter(_HTML + name))


def check_content(root: Element) -> None:
    """Check what elements may hold: HTML has rules about it that no parser enforces."""
    for each in root.iter():
        inside = {child.tag for child in each}
        assert inside <= _CHILDREN.get(each.tag, inside), (each.tag, inside)
        if each.tag in _PHRASING_ONLY:
            assert inside <= _PHRASING, (each.tag, inside)
        if each.tag in (f"{_HTML}a", f"{_HTML}button"):
            assert not {deeper.tag for deeper in each.iter() if deeper is not each} & _INTERACTIVE, each.attrib
        if each.tag == f"{_HTML}figure":
            assert [child.tag for child in each].count(f"{_HTML}figcaption") <= 1


def check_page(root: Element) -> None:
    """Check what a page may hold, and what readers with a screen reader or a keyboard need."""
    check_content(root)
    ids = Counter(each.get("id") for each in root.iter() if each.get("id"))
    assert {name: count for name, count in ids.items() if count > 1} == {}
    for each in root.iter():
        for name in ("aria-labelledby", "for"):
            assert each.get(name) is None or each.get(name) in ids, (each.tag, each.attrib)
        if each.get("href", "").startswith("#"):
            assert each.get("href", "")[1:] in ids
    levels = [_HEADINGS.index(each.tag) + 1 for each in root.iter() if each.tag in _HEADINGS]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels)), levels
    for landmark in ("header", "nav", "main", "footer"):
        assert every(root, landmark)
    labelled = {each.get("for") for each in every(root, "label")} | {
        id(box) for label in every(root, "label") for box in every(label, "input")
    }
    for box in every(root, "input") + every(root, "select"):
        assert box.get("id") in labelled or id(box) in labelled, box.attrib
    for table in every(root, "table"):
        assert every(table, "caption")
        assert all(each.get("scope") in ("row", "col") for each in every(table, "th"))
        heads = len(every(every(table, "thead")[0], "th"))
        assert {len(list(row)) for row in every(table, "tr")} == {heads}
