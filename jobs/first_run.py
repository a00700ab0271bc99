"""`make run`: fill the price history, calibrate, run the newest session, and say what was found and where it lies.

It runs the very commands that the README shows, so that the runs are in the Dagster UI too.
"""

import json
import subprocess
import sys
import time
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from kernels.errors import WavemillError
from resources.calendar import ALL_SESSIONS, newest_complete_session, session_number, sessions
from resources.lineage import SHORTEST_WINDOW
from resources.null_table import quarter_of
from resources.parquet_lake import ParquetLake, open_lake
from resources.price_sources import open_price_source
from resources.settings import Settings, read_settings

# Three years of sessions: the longest window of 504, and a year before it.
HISTORY_SESSIONS = 756
TOP = 10
FALSE_DISCOVERIES = 0.1
REPORTS = "daily_report"
TABLES = ("universe", "prices", "quarantine", "windows", "patterns", "forecasts", "simulations", "picks")


def main() -> int:
    """Run the three jobs and print the top patterns. Returns the exit status."""
    try:
        settings = read_settings()
        first, last = history_range(settings)
        print(f"Prices: {settings.price_source}, {first} to {last}. Lake: {settings.lake}", flush=True)
        started = time.monotonic()
        execute_job("price_history", range_tags(first, last))
        filled = time.monotonic()
        quarter = quarter_of(last)
        if len(sessions(first, quarter - timedelta(days=1))) > SHORTEST_WINDOW:
            execute_job("calibrate_null", {"dagster/partition": quarter.isoformat()})
        else:
            print(f"p-values stay unknown: before the quarter from {quarter} there are too few sessions to calibrate.")
        calibrated = time.monotonic()
        execute_job("daily_sp500", range_tags(first_of_chain(first, last), last))
        done = time.monotonic()
        print(report(open_lake(settings.lake), last))
        print(
            f"\nprice_history took {filled - started:.1f} s, calibrate_null {calibrated - filled:.1f} s, "
            f"daily_sp500 {done - calibrated:.1f} s."
        )
        print("Look around: make ui, then open 127.0.0.1:3000 in a browser.")
    except WavemillError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"error: the command above failed with exit status {error.returncode}", file=sys.stderr)
        return 1
    return 0


def history_range(settings: Settings) -> tuple[date, date]:
    """First and last session to fill: all of a file, else the last three years that the source covers."""
    source = open_price_source(
        settings.price_source,
        prices_path=settings.prices_path,
        constituents_path=settings.constituents_path,
        seed=settings.seed,
    )
    first, last = source.coverage()
    last = min(last, newest_complete_session())
    if settings.price_source == "files":
        return first, last
    recent: date = ALL_SESSIONS[max(0, session_number(last) - HISTORY_SESSIONS + 1)].item()
    return max(first, recent), last


def first_of_chain(first: date, last: date) -> date:
    """The session before the last one, so that the page of the last one can say how the other turned out.

    Where that has too little history it is the last one itself.
    """
    filled = sessions(first, last)
    before: date = filled[-2 if len(filled) > SHORTEST_WINDOW else -1].item()
    return before


def range_tags(first: date, last: date) -> dict[str, str]:
    """The tags of a run over a range of sessions, both ends included."""
    return {
        "dagster/asset_partition_range_start": first.isoformat(),
        "dagster/asset_partition_range_end": last.isoformat(),
    }


def execute_job(job: str, tags: dict[str, str]) -> None:
    """Run `dagster job execute`, with its progress lines on the terminal.

    Raises:
        subprocess.CalledProcessError: the job failed; its log was printed.
    """
    command = ["dagster", "job", "execute", "-m", "definitions", "-j", job, "--tags", json.dumps(tags)]
    print("$ " + " ".join(f"'{word}'" if " " in word else word for word in command), flush=True)
    log = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1) as process:
        for line in process.stdout or ():
            log.append(line)
            if " - INFO - " in line or " - WARNING - " in line:
                print("  " + line.rstrip().split(" - ", 6)[-1], flush=True)
    if process.returncode:
        print("".join(log[-60:]), file=sys.stderr)
        raise subprocess.CalledProcessError(process.returncode, command)


def report(lake: ParquetLake, session: date) -> str:
    """The top patterns of a session as text, and where its tables lie."""
    key = session.isoformat()
    patterns = lake.read("patterns", key)
    confirmed = patterns.filter(pc.equal(patterns["status"], "confirmed"))
    setups = patterns.filter(pc.equal(patterns["status"], "setup"))
    lines = [f"\n{session}: {confirmed.num_rows} confirmed patterns and {setups.num_rows} setups"]
    lines += ["", _tested(patterns)]
    for title, table in (("Confirmed patterns", confirmed), ("Setups", setups)):
        # Scores of different classes and numbers of legs can be compared by their p-values only.
        order = [("p_value", "ascending"), ("score", "descending"), ("pattern_id", "ascending")]
        lines += ["", f"{title} least like chance:", *_rows(table.sort_by(order))]
    models = set(lake.read("forecasts", key, ["model"])["model"].to_pylist())
    lines += ["", f"Forecasts by {', '.join(sorted(models))}; docs/forecasts.md says how to train a model."]
    lines += ["", "Tables of the session:"]
    for name in TABLES:
        info = lake.info(name, key)
        lines.append(f"  {name:11} {info.rows if info else 0:7,} rows  {lake.uri(name, key)}")
    lines += ["", f"The report, one page for the browser: {lake.files.uri(REPORTS, f'{key}.html')}"]
    return "\n".join(lines)


def _tested(patterns: pa.Table) -> str:
    """How the patterns compare with chance, in one line."""
    known = patterns.filter(pc.and_(pc.is_valid(patterns["p_value"]), pc.not_equal(patterns["status"], "part")))
    if not known.num_rows:
        return "Their p-values are unknown: docs/significance.md says how to calibrate them."
    found = pc.sum(pc.less_equal(known["q_value"], FALSE_DISCOVERIES)).as_py()
    surrogates = pc.max(known["surrogates"]).as_py()
    return (
        f"At a false-discovery rate of {FALSE_DISCOVERIES:.0%} {found} of them differ from chance, by {surrogates:,} "
        "surrogates (docs/significance.md)."
    )


def _rows(table: pa.Table) -> list[str]:
    lines = [
        f"  {'symbol':8} {'class':20} {'direction':9} {'degree':>6} {'score':>5} {'p-value':>8} {'q-value':>7}  "
        f"{'from':10} {'to':10}  {'invalidation':>12} {'gain/risk':>9}  targets"
    ]
    for row in table.slice(0, TOP).to_pylist():
        ends = row["pivots"][0]["session"], row["pivots"][-1]["session"]
        direction = "up" if row["direction"] > 0 else "down"
        targets = " ".join(f"{target:.2f}" for target in row["targets"])
        lines.append(
            f"  {row['symbol']:8} {row['class']:20} {direction:9} {row['degree']:6} {row['score']:5.3f} "
            f"{_number(row['p_value'], 8, 5)} {_number(row['q_value'], 7, 3)}  "
            f"{ends[0]} {ends[1]}  {_number(row['invalidation'], 12, 2)} {_number(row['risk_reward'], 9, 2)}  {targets}"
        )
    return lines


def _number(value: float | None, width: int, decimals: int) -> str:
    return " " * width if value is None else f"{value:{width}.{decimals}f}"


if __name__ == "__main__":
    sys.exit(main())
