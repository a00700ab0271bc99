"""`gpu_profile`: what this machine's GPU, or its CPU, can do, and what to set because of it."""

import re
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from assets.pictures import pictures
from kernels.errors import InvalidInputError
from resources.charts import page_style
from resources.gpu_profile.charts import profile_charts
from resources.gpu_profile.profile import SIZES_BY_NAME, ProfileSizes, profile
from resources.gpu_profile.report import PAGE, TABLES, write_report
from resources.gpu_profile.target import Target, find_target
from resources.settings import PROJECT_ROOT

FOLDER = PROJECT_ROOT / "data" / "gpu_profile"
AUTO = "auto"


class GpuProfileConfig(dg.Config):
    """How much is measured, and where the files go."""

    sizes: str = Field(
        default=AUTO, description="auto: large where there is a GPU, small where there is none; or tiny, small, large."
    )
    folder: str = Field(
        default="", description="Local folder of the report and the traces, one in it for each device; empty = data/."
    )


@dg.asset(group_name="operations", kinds={"python"}, owners=["team:research"], code_version="1")
def gpu_profile(context: dg.AssetExecutionContext, config: GpuProfileConfig) -> dg.MaterializeResult:
    """A profile of this machine: ways to move bytes, throughput of every kernel and network by batch size, memory.

    Everything is put beside what the device itself was measured to do, the GPU beside the CPU, and one recommendation
    made for each setting, with the lines to paste. Without a GPU the CPU's paths are profiled, and the first line says
    so. The report, its numbers as JSON and the traces lie in a folder named after the device; nothing else uses them.
    """
    target = find_target()
    sizes = chosen_sizes(config.sizes, target)
    folder = Path(config.folder or FOLDER) / (re.sub(r"[^a-z0-9]+", "-", target.name.lower()).strip("-") or "device")
    found = profile(target, sizes, folder, lambda line: context.log.info(f"gpu_profile: {line}"))
    charts = profile_charts(found)
    write_report(found, folder, charts, page_style())
    files = {name: dg.MetadataValue.path(path) for name, path in found["files"].items()}
    tables = {name: shown for name in TABLES if (shown := table(found[name], TABLES[name][1])) is not None}
    return dg.MaterializeResult(
        metadata={
            "measured": found["headline"],
            "what_to_set": dg.MetadataValue.md(advice(found["recommendations"])),
            "report": dg.MetadataValue.path(str(folder / PAGE)),
            **files,
            "charts": pictures(charts),
            **tables,
            "utilisation": dg.MetadataValue.json(found["utilisation"]),
            "device": dg.MetadataValue.json(found["facts"]),
        }
    )


def chosen_sizes(name: str, target: Target) -> ProfileSizes:
    """The sizes of a name.

    Raises:
        InvalidInputError: no such name.
    """
    chosen = ("large" if target.on_gpu else "small") if name == AUTO else name
    if chosen not in SIZES_BY_NAME:
        raise InvalidInputError(
            "sizes of gpu_profile",
            expected=f"one of {', '.join((AUTO, *SIZES_BY_NAME))}",
            got=repr(name),
            mend="correct `sizes` of the asset gpu_profile",
        )
    return SIZES_BY_NAME[chosen]


def advice(recommendations: list[dict[str, Any]]) -> str:
    """The recommendations as Markdown, the lines to paste in blocks."""
    parts = []
    for each in recommendations:
        parts.append(f"**{each['setting']}: {each['value']}.** {each['reason']}.")
        if each["lines"]:
            parts.append(f"```\n{each['lines']}```")
    return "\n\n".join(parts)


def table(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> dg.TableMetadataValue | None:
    """Rows as a table of the UI; None where there is no row."""
    records = [dg.TableRecord({name: row[name] for name in columns}) for row in rows]
    if not records:
        return None
    kinds = {bool: "bool", int: "int", float: "float"}
    schema = [
        dg.TableColumn(name, next((kinds[type(row[name])] for row in rows if type(row[name]) in kinds), "string"))
        for name in columns
    ]
    return dg.MetadataValue.table(records, dg.TableSchema(schema))
