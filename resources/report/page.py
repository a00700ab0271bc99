"""The page: sections into one HTML file that needs nothing else."""

import base64
import hashlib
import html
import json
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from resources.charts import page_style
from resources.report.changes import changes
from resources.report.confirmed import confirmed
from resources.report.headline import headline
from resources.report.how_sure import discoveries, how_sure
from resources.report.markup import Html, Section, join, tag
from resources.report.picks import fans, picks
from resources.report.provenance import provenance
from resources.report.quarantined import quarantined
from resources.report.report_input import ReportInput
from resources.report.setups import setups
from resources.report.skill import skill
from resources.report.top_patterns import top_patterns

SECTIONS = (how_sure, top_patterns, setups, confirmed, fans, picks, changes, skill, quarantined, provenance)
"""What makes the sections, in the order of the page."""

SAYS = "wavemill"
"""Name of the <meta> in which a page says of itself, as JSON, what it was made from and what it counts."""

_FOLDER = Path(__file__).parent


def report_page(given: ReportInput) -> str:
    """The report of one session: an HTML file without references to anything else. Equal input gives equal bytes.

    Args:
        given: the tables of the session.
    """
    sections = [make(given) for make in SECTIONS]
    status = Counter([] if given.patterns is None else given.patterns["status"].to_pylist())
    says = {
        "made_from": given.made_from,
        "confirmed_patterns": status["confirmed"],
        "setups": status["setup"],
        "discoveries": 0 if given.patterns is None else discoveries(given.patterns),
        "missing": [each.id for each in sections if each.missing],
    }
    return _page(given, sections, json.dumps(says))


def described(head: str) -> dict[str, Any]:
    """What a page says of itself, out of its first characters: made_from, confirmed_patterns, setups, discoveries, and
    missing, the ids of the sections in which something isn't there. Empty if it isn't a page of this package.
    """
    _, found, rest = head.partition(f'<meta name="{SAYS}" content="')
    try:
        said = json.loads(html.unescape(rest.partition('"')[0])) if found else {}
    except json.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def _page(given: ReportInput, listed: Sequence[Section], says: str) -> str:
    early, late = _read("theme.js"), _read("page.js")
    head = join(
        [
            tag("meta", charset="utf-8"),
            tag("meta", name=SAYS, content=says),
            tag("meta", http_equiv="Content-Security-Policy", content=_policy(early, late)),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="referrer", content="no-referrer"),
            tag("title", f"Wavemill report, {given.session}"),
            tag("style", Html(style())),
            tag("script", Html(early)),
        ],
        "\n",
    )
    body = join(
        [
            tag("a", "Skip to the report", href="#report", class_="skip"),
            tag(
                "header",
                tag("span", "Wavemill", class_="brand"),
                tag("nav", tag("ul", join(_link(each) for each in listed)), aria_label="Sections"),
                tag("button", "Theme: system", type="button", id="theme", hidden=True),
                class_="bar",
            ),
            tag("main", headline(given), join(_section(each) for each in listed), id="report"),
            tag("footer", tag("p", f"Wavemill, session of {given.session}. No advice.")),
            tag("script", Html(late)),
        ],
        "\n",
    )
    return f'<!DOCTYPE html>\n<html lang="en">\n{tag("head", head)}\n{tag("body", body)}\n</html>\n'


def _link(section: Section) -> Html:
    return tag("li", tag("a", section.id.replace("-", " ").capitalize(), href=f"#{section.id}"))


def _section(section: Section) -> Html:
    heading = tag("h2", section.title, id=f"{section.id}-title")
    return tag("section", heading, section.body, id=section.id, aria_labelledby=f"{section.id}-title")


@cache
def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8").strip()


def _policy(*scripts: str) -> str:
    """No network at all, and no script but these."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(each.encode()).digest()).decode()}'" for each in scripts
    )
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src {hashes}; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )


@cache
def style() -> str:
    """The style sheet: that of the charts with their themes, and the page's own."""
    return f"{page_style()}\n{_read('page.css')}"
