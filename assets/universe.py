"""The instruments of each session."""

from datetime import date

import dagster as dg
import pyarrow as pa

from assets.partitions import session_keys
from assets.session_run import SessionRun, session_asset
from resources.contracts import UNIVERSE
from resources.parquet_lake import fingerprint
from resources.wiring import LakeResource, PriceSourceResource

CODE_VERSION = "1"

SURVIVORSHIP_WARNING = (
    "**Survivorship bias.** This price source doesn't say who was in the index when. Its list is that of today, "
    "filled backwards: companies that left are missing, so results on past sessions look better than they were."
)


@session_asset(UNIVERSE, CODE_VERSION, group="market", kinds=("parquet",))
def universe(
    context: dg.AssetExecutionContext, lake: LakeResource, price_source: PriceSourceResource
) -> dg.MaterializeResult:
    """The companies of each session: a row is a member, with its name, its sector and since when it belongs.

    Every other asset looks at these symbols only. The list comes from the price source. Where the source knows who was
    a member when, only the members of that session are listed; where it doesn't, a warning says that the results are
    survivorship-biased.
    """
    keys = session_keys(context)
    source = price_source.open()
    made_from = dict.fromkeys(keys, fingerprint({"source": source.name, "data": source.fingerprint()}))
    run = SessionRun(context, lake.open(), UNIVERSE, CODE_VERSION, made_from)
    pending = run.pending()
    run.write(((key, _table(source.universe(date.fromisoformat(key)), key)) for key in pending), len(pending))
    run.metadata["price_source"] = source.name
    if not source.membership_known():
        context.log.warning("survivorship bias: the price source doesn't know who was in the index when")
        run.metadata["survivorship"] = dg.MetadataValue.md(SURVIVORSHIP_WARNING)
    return run.result()


def _table(members, key: str) -> pa.Table:
    return UNIVERSE.table(
        {
            "session": [date.fromisoformat(key)] * len(members),
            "symbol": members["symbol"],
            "name": members["name"],
            "sector": members["sector"],
            "member_from": members["member_from"],
            "member_to": members["member_to"],
        }
    )
