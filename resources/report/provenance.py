"""Where the numbers come from: models, what they have seen, and the fingerprint of every partition."""

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from resources.report.how_sure import tested
from resources.report.markup import Column, Html, Section, code, facts, join, paragraph, table
from resources.report.report_input import ReportInput

COLUMNS = (
    Column("Table"),
    Column("Partition"),
    Column("Rows", number=True),
    Column("Contract", number=True),
    Column("Code", number=True),
    Column("Fingerprint of the rows", wide=True),
)

ID, TITLE = "sources", "Where the numbers come from"

_UNKNOWN = "unknown"


def provenance(given: ReportInput) -> Section:
    """The section."""
    rows: list[list[str]] = [
        [
            each.table,
            each.partition,
            f"{each.rows:,}",
            each.contract,
            each.code_version,
            code(each.fingerprint),
        ]
        for each in given.sources
    ]
    body = join(
        [
            facts(_models(given)),
            paragraph(
                "Nothing on this page has seen a bar after the session. The same partitions give the same "
                "page, to the byte."
            ),
            table("Partitions behind this page, and versions", COLUMNS, rows, id_="sources-table"),
        ]
    )
    return Section(ID, TITLE, body)


def _models(given: ReportInput) -> list[tuple[str, str | Html]]:
    return [
        ("Forecasts", _forecasts(given.forecasts)),
        ("Simulations", _simulations(given.simulations)),
        ("Null model", _null(given)),
        ("Forecasts judged", "not yet" if given.skill is None else f"through {given.skill.year}"),
        ("Patterns judged", "not yet" if given.rates is None else f"through {given.rates.year}"),
        (
            "Report",
            join([f"code version {given.code_version or _UNKNOWN}, made from", code(given.made_from or _UNKNOWN)], " "),
        ),
    ]


def _forecasts(table: pa.Table | None) -> str:
    if table is None or not table.num_rows:
        return "none"
    pairs = dict.fromkeys(zip(table["model"].to_pylist(), table["trained_through"].to_pylist(), strict=True))
    return "; ".join(f"{model}, {_through(through)}" for model, through in pairs)


def _through(day: date | None) -> str:
    return "fitted on each symbol\u2019s own past alone" if day is None else f"trained through {day}"


def _simulations(table: pa.Table | None) -> str:
    if table is None or not table.num_rows:
        return "none"
    models, origins = ", ".join(sorted(set(table["model"].to_pylist()))), table["first_origin"].to_pylist()
    return f"forecasts of {models}, traded from {min(origins)} on"


def _null(given: ReportInput) -> str:
    if given.patterns is None or not tested(given.patterns).num_rows:
        return "none: p-values are unknown"
    models, through, counts = (
        sorted(pc.unique(given.patterns[name].drop_null()).to_pylist())
        for name in ("null_model", "null_through", "surrogates")
    )
    series = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    calibrated = ", ".join(str(day) for day in through)
    return f"{', '.join(models)}, calibrated through {calibrated}, {series} series for each length of window"
