"""How sure the system is: tests, discoveries, and the p-values beside what chance gives."""

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from resources.charts import Points, ReliabilityChart, reliability_chart
from resources.null_table import quarter_of
from resources.report.chance import Family, families
from resources.report.markup import Column, Html, Section, join, missing, none, paragraph, svg, table, tag
from resources.report.report_input import ReportInput
from resources.report.words import FALSE_DISCOVERIES, day_command, number, p_number, share
from resources.significance import CALIBRATE

LEVELS = (0.0001, 0.001, 0.01, 0.05)
"""Up to these p-values tests are counted in the table."""

BINS = 20
"""Of the chart, from 0 to 1."""

FEWEST_EXPECTED = 20.0
"""Where chance gives fewer tests than that, a bin is left out of the chart: its dot would jump about."""

ID, TITLE = "how-sure", "How sure"


def tested(patterns: pa.Table) -> pa.Table:
    """The p-values and q-values of the confirmed patterns and setups, where they are known; parts don't count."""
    return patterns.select(["p_value", "q_value"]).filter(
        pc.and_(pc.is_valid(patterns["p_value"]), pc.not_equal(patterns["status"], "part"))
    )


def discoveries(patterns: pa.Table) -> int:
    """The confirmed patterns and setups that differ from chance at the false-discovery rate."""
    return pc.sum(pc.less_equal(tested(patterns)["q_value"], FALSE_DISCOVERIES)).as_py() or 0


def how_sure(given: ReportInput) -> Section:
    """The section."""
    if given.patterns is None:
        why = "There are no patterns for this session, so there is nothing to test."
        return Section(ID, TITLE, missing(why, day_command(given.session)), why)
    known = tested(given.patterns)
    if not known.num_rows:
        why = (
            "p-values are unknown for this session. Without them nobody can tell these patterns from those that a "
            "random series is full of."
            if given.patterns.num_rows
            else "No pattern was found in this session, so there is no p-value."
        )
        return Section(ID, TITLE, missing(why, _calibrate(given.session)), why)
    found = discoveries(given.patterns)
    verdict = paragraph(
        f"Of all patterns and setups, {found:,} differ from chance at a false-discovery rate of "
        f"{share(FALSE_DISCOVERIES)}."
        if found
        else f"No pattern and no setup differs from chance at a false-discovery rate of {share(FALSE_DISCOVERIES)}.",
        _meaning(known, found),
        class_="lede",
    )
    if given.nulls is None or given.windows is None:
        why = "The null distributions or the windows that the tests are counted by aren't there any more."
        return Section(ID, TITLE, join([verdict, missing(why, _calibrate(given.session))]), why)
    both = families(given.patterns, given.windows, given.nulls)
    body = tag("div", tag("div", verdict, _counted(both)), _figure(both[1]), class_="beside")
    return Section(ID, TITLE, body)


def _calibrate(session: date) -> str:
    return CALIBRATE.format(quarter=quarter_of(session))


def _meaning(known: pa.Table, found: int) -> str:
    best = pc.min(known["q_value"]).as_py()
    if found:
        return f"Expect about {max(round(FALSE_DISCOVERIES * found), 1):,} of these to be chance all the same."
    least = f"the least q-value is {number(best)}" if best < 0.995 else "every q-value is 1"
    return f"However good a single count looks below, so many were tried that chance explains it: {least}."


def _counted(both: tuple[Family, Family]) -> Html:
    """How many tests there are, and how many of them are as good as a level beside what chance gives."""
    rows = []
    for level in LEVELS:
        row = [f"p \u2264 {level:g}"]
        for family in both:
            row += [f"{family.found(level):,}", _expected(family.by_chance(level))]
        rows.append(row)
    columns = [
        Column("Tests with"),
        Column("Confirmed, found", number=True),
        Column("by chance", number=True),
        Column("Setups, found", number=True),
        Column("by chance", number=True),
    ]
    confirmed, setups = both
    smallest = min((family.p_values[0] for family in both if len(family.p_values)), default=None)
    return join(
        [
            paragraph(
                f"A test asks of one symbol whether its best pattern of one class, direction, number of waves and span "
                f"is better than that of series without waves. There were {confirmed.tests + setups.tests:,} tests: "
                f"{confirmed.tests:,} of confirmed patterns and {setups.tests:,} of setups; "
                f"{len(confirmed.p_values) + len(setups.p_values):,} of them found a pattern. The smallest p-value is "
                f"{p_number(smallest)}."
            ),
            table("Good tests, and how many chance alone gives", columns, rows, id_="tests"),
            paragraph(
                "Only the best confirmed patterns of a symbol are kept, so theirs are fewer than chance gives; setups "
                "are all kept.",
                class_="note",
            ),
        ]
    )


def _expected(count: float) -> str:
    """A mean number of tests: with a decimal where it is small."""
    return f"{count:.1f}" if count < 9.95 else f"{count:,.0f}"


def _figure(family: Family) -> Html:
    """The p-values of the setups in bins, each as a multiple of what chance gives."""
    edges = np.linspace(0.0, 1.0, BINS + 1)
    expected = np.diff([family.by_chance(edge) for edge in edges])
    times = np.full(BINS, np.nan)
    enough = expected >= FEWEST_EXPECTED
    if not enough.any():
        return none("There are too few tests to show how their p-values are spread.")
    times[enough] = np.histogram(family.p_values, edges)[0][enough] / expected[enough]
    chart = ReliabilityChart(
        title="p-values of the setups",
        x_name="p-value of a test",
        y_name="tests found, as a multiple of what chance gives",
        points=(Points("setups", 0.5 * (edges[1:] + edges[:-1]), times),),
        reference=1.0,
        facts=("the line: as many as chance gives",),
        from_zero=True,
    )
    words = paragraph(_in_words(times), class_="note")
    return tag("figure", svg(reliability_chart(chart, width=400, height=300)), tag("figcaption", words))


def _in_words(times: np.ndarray) -> str:
    """What the chart shows."""
    spread = "Chance alone spreads p-values evenly: all dots would lie on the line, give or take."
    first = times[0]
    if np.isnan(first):
        return spread
    more = "more" if first > 1.0 else "fewer"
    told = f"Here tests with p up to {1.0 / BINS:g} are {first:.2f} times as many as chance gives"
    alike = 0.8 <= first <= 1.25
    return f"{spread} {told}{': about as many.' if alike else f': {more}.'}"
