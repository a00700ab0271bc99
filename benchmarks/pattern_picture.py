"""Draw one pattern of a lake as SVG: `python -m benchmarks.pattern_picture data/lake-simulated 2018-02-07 PATTERN_ID`.

Writes docs/images/pattern.svg, or where --to says. docs/read-a-pattern.md explains what is seen.
"""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.both_themes import in_both_themes
from kernels.errors import InvalidInputError, WavemillError
from kernels.panel import PricePanel
from resources.charts import wave_chart, wave_chart_of
from resources.parquet_lake import open_lake

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "images" / "pattern.svg"
INSIDE_SHOWN = ".depth-1{display:inline}"
"""The waves inside the legs, which a page shows on demand only."""


def main() -> int:
    """Draw, and say where. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lake", help="folder of the tables")
    parser.add_argument("session", type=date.fromisoformat, help="session of the pattern, such as 2018-02-07")
    parser.add_argument("pattern_id", help="its column pattern_id")
    parser.add_argument("--to", type=Path, default=PICTURE, help="the file to write")
    arguments = parser.parse_args()
    try:
        picture = draw(*pattern_of(arguments.lake, arguments.session, arguments.pattern_id), arguments.pattern_id)
    except WavemillError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    arguments.to.parent.mkdir(parents=True, exist_ok=True)
    arguments.to.write_text(picture)
    print(arguments.to.name)
    return 0


def pattern_of(root: str, session: date, pattern_id: str) -> tuple[pa.Table, PricePanel]:
    """The patterns of the symbol that a pattern is of, and its bars as known on the session.

    Raises:
        InvalidInputError: the session has no such pattern.
    """
    lake = open_lake(root)
    rows = lake.read("patterns", session.isoformat())
    chosen = rows.filter(pc.equal(rows["pattern_id"], pattern_id))
    if not chosen.num_rows:
        raise InvalidInputError(
            "pattern_id",
            expected=f"one of the {rows.num_rows} patterns of {session}",
            got=pattern_id,
            mend="copy it from the column pattern_id of the table patterns",
        )
    symbol = chosen["symbol"][0].as_py()
    return rows.filter(pc.equal(rows["symbol"], symbol)), lake.panel(session, symbols=[symbol])


def draw(rows: pa.Table, panel: PricePanel, pattern_id: str) -> str:
    """The picture of a pattern with what is inside its legs, as an SVG file."""
    return in_both_themes(wave_chart(wave_chart_of(rows, pattern_id, panel)), INSIDE_SHOWN)


if __name__ == "__main__":
    sys.exit(main())
