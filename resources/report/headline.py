"""The top of the page: what session it is, how large, how good the data, and what the page isn't."""

from collections import Counter

import pyarrow.compute as pc

from resources.report.how_sure import discoveries, tested
from resources.report.markup import Html, facts, join, paragraph, tag
from resources.report.report_input import ReportInput
from resources.report.top_patterns import in_both_sizes, odds, wave_of
from resources.report.words import FALSE_DISCOVERIES, long_date, many, share
from resources.report.yesterday import yesterday

ADVICE = (
    "This page is no advice. It says what shapes prices have made, how unlike chance these are, and how far prices may "
    "move. Nobody has shown that acting on it earns anything."
)


WIDE, NARROW = (540, 330), (360, 280)
"""Width and height of the first chart on a screen and on a telephone, in pixels."""


def headline(given: ReportInput) -> Html:
    """The heading of the page: what was found, how sure that is, whether yesterday's numbers held, and one wave."""
    told = [
        tag("h1", f"The market\u2019s waves on {long_date(given.session)}"),
        paragraph(summary(given), class_="lede"),
        yesterday(given, data_quality(given)),
    ]
    return tag(
        "header",
        tag("div", tag("div", join(told)), _first_wave(given), class_="beside first"),
        facts(_figures(given), class_="figures"),
        paragraph(ADVICE, class_="advice"),
        class_="headline",
    )


def _first_wave(given: ReportInput) -> Html:
    """The chart of the setup least like chance; without setups that of the confirmed pattern."""
    for status, noun in (("setup", "setup"), ("confirmed", "confirmed pattern")):
        rows = given.best[status].slice(0, 1).to_pylist() if status in given.best else []
        if rows:
            which = "with the best score" if rows[0]["p_value"] is None else "least like chance"
            chart = in_both_sizes(wave_of(given, rows[0]), WIDE, NARROW)
            words = paragraph(f"The {noun} {which}.", odds(rows[0]), class_="note")
            return tag("figure", chart, tag("figcaption", words))
    return Html()


def summary(given: ReportInput) -> str:
    """The session in one or two sentences."""
    if given.patterns is None:
        return f"No waves were searched for in the {given.universe.num_rows:,} members."
    statuses = Counter(given.patterns["status"].to_pylist())
    found = discoveries(given.patterns)
    counted = f"{many(statuses['confirmed'], 'confirmed pattern')} and {many(statuses['setup'], 'setup')}"
    if not tested(given.patterns).num_rows:
        verdict = "Their p-values are unknown, so nothing tells them from chance."
    elif not found:
        verdict = f"None differs from chance at a false-discovery rate of {share(FALSE_DISCOVERIES)}."
    else:
        verdict = f"{found:,} differ from chance at a false-discovery rate of {share(FALSE_DISCOVERIES)}."
    return f"{many(given.universe.num_rows, 'member')} hold {counted} that stand. {verdict}"


def data_quality(given: ReportInput) -> str:
    """How complete and sound the bars of the session are, in one line."""
    members = set(given.universe["symbol"].to_pylist())
    there = given.prices.filter(pc.is_valid(given.prices["close"]))
    bars = len(members & set(there["symbol"].to_pylist()))
    excluded = pc.sum(given.quarantine["excluded"]).as_py() or 0
    flagged = given.quarantine.num_rows - excluded
    count = f"{bars:,} of {len(members):,} members have a bar"
    if not given.quarantine.num_rows:
        return f"{count}; no fault was found in this session."
    return f"{count}; {many(excluded, 'bar')} left out as faulty, {flagged or 'none'} flagged."


def _figures(given: ReportInput) -> list[tuple[str, Html | str]]:
    statuses = Counter(given.patterns["status"].to_pylist()) if given.patterns is not None else None
    searched = None
    if given.windows is not None:
        searched = len(set(given.windows.filter(given.windows["kept"])["symbol"].to_pylist()))
    models = sorted(set(given.forecasts["model"].to_pylist())) if given.forecasts is not None else []
    unknown = tag("span", "none", class_="unknown")
    return [
        ("Members", f"{given.universe.num_rows:,}"),
        ("Searched for waves", unknown if searched is None else f"{searched:,}"),
        ("Confirmed patterns", unknown if statuses is None else f"{statuses['confirmed']:,}"),
        ("Setups", unknown if statuses is None else f"{statuses['setup']:,}"),
        (
            "Discoveries",
            f"{discoveries(given.patterns):,}"
            if given.patterns is not None and tested(given.patterns).num_rows
            else tag("span", "unknown", class_="unknown"),
        ),
        ("Forecasts by", tag("span", ", ".join(models), class_="words") if models else unknown),
        ("Waves computed on", tag("span", given.backend.upper(), class_="words")),
    ]
