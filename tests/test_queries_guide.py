"""Every query of docs/queries.md returns rows on a small lake made by real runs, and some the right ones."""

import re
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from resources.parquet_lake import ParquetLake
from tests.daily_chain import DAYS, run
from tests.forecast_runs import materialize
from tests.small_market import small_bars, with_faults, write_prices

ROOT = Path(__file__).resolve().parents[1]
GUIDE = (ROOT / "docs" / "queries.md").read_text()
SHOWN = "data/lake-simulated"
# The first sessions of a quarter that has a null model, with a month of prices after some of them.
QUARTER = "2018-01-01"
CHAIN = [day for day in DAYS if day > QUARTER][:10]
SECTORS = ("Energy", "Utilities", "Materials")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, flags=re.DOTALL | re.MULTILINE)


def titled() -> dict[str, str]:
    """Each query by the title above it."""
    parts = re.split(r"^## (.*)$", GUIDE, flags=re.MULTILINE)[1:]
    found = dict(zip(parts[::2], parts[1::2], strict=True))
    return {title: query for title, part in found.items() for query in re.findall(r"```sql\n(.*?)```", part, re.DOTALL)}


QUERIES = titled()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where the guide's reader stands: a folder with data/lake-simulated below it, filled."""
    here = tmp_path_factory.mktemp("queries")
    bars = with_faults(small_bars())
    # Within the sessions that are forecast: a split, and a close without a logarithm.
    first, second = bars["symbol"].unique()[:2]
    halved = (bars["symbol"] == first) & (bars["date"] >= CHAIN[4])
    bars.loc[halved, ["open", "high", "low", "close"]] /= 2.0
    bars.loc[halved & (bars["date"] == CHAIN[4]), "split_ratio"] = 2.0
    bars.loc[(bars["symbol"] == second) & (bars["date"] == CHAIN[6]), "close"] = 0.0
    prices = write_prices(bars, here / "prices")
    members = pd.read_csv(prices.parent / "constituents.csv")
    members["sector"] = [SECTORS[place % len(SECTORS)] for place in range(len(members))]
    members.to_csv(prices.parent / "constituents.csv", index=False)
    lake = here / SHOWN
    run("price_history", lake, prices, DAYS[0], DAYS[-1])
    materialize("null_distributions", lake, QUARTER, config={"surrogates": 3})
    run("daily_sp500", lake, prices, CHAIN[0], CHAIN[-1])
    materialize("pattern_outcomes", lake, "2018", config={"surrogates": False})
    return here


@pytest.fixture(scope="module")
def lake(folder) -> ParquetLake:
    return ParquetLake(str(folder / SHOWN))


def answer(folder: Path, title: str) -> list[dict[str, Any]]:
    return asked(folder, QUERIES[title])


def asked(folder: Path, query: str) -> list[dict[str, Any]]:
    result = duckdb.sql(query.replace(SHOWN, str(folder / SHOWN)))
    return [dict(zip(result.columns, row, strict=True)) for row in result.fetchall()]


def test_every_block_is_asked():
    assert 8 <= len(QUERIES) <= 10
    assert list(QUERIES.values()) == blocks("sql")


@pytest.mark.parametrize("title", QUERIES)
def test_each_query_returns_rows(folder, title):
    assert answer(folder, title)


@pytest.mark.parametrize("title", QUERIES)
def test_each_query_reads_only_tables_of_the_lake(lake, title):
    for table in re.findall(rf"'{SHOWN}/(\w+)/\*\.parquet'", QUERIES[title]):
        assert lake.partitions(table)
    assert QUERIES[title].count("'data/") == QUERIES[title].count("/*.parquet'")


def test_the_lines_of_python_run_from_the_folder_of_the_project(folder):
    [code] = blocks("python")
    assert len([line for line in code.splitlines() if line]) == 3
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "setup" in done.stdout


def test_the_result_can_be_had_in_the_forms_that_the_guide_names(folder, tmp_path):
    result = duckdb.sql(QUERIES["The widest forecasts"].replace(SHOWN, str(folder / SHOWN)))
    rows = len(result.fetchall())
    result.write_csv(str(tmp_path / "file.csv"))
    assert len(result.df()) == len(result.pl()) == len(pd.read_csv(tmp_path / "file.csv")) == rows
    assert all(f"`.{name}(" in GUIDE for name in ("show", "df", "pl", "write_csv"))


def test_setups_come_with_their_p_values_in_order(folder, lake):
    rows = answer(folder, "What stands today, least like chance first")
    known = [row["p_value"] for row in rows]
    assert None not in known
    assert known == sorted(known)
    today = lake.read("patterns", CHAIN[-1]).to_pylist()
    standing = [row for row in today if row["status"] == "setup" and (row["risk_reward"] or 0.0) >= 1.0]
    assert len(rows) == min(20, len(standing))
    assert known[0] == min(row["p_value"] for row in standing)


def test_the_ranks_of_a_pattern_are_those_of_its_sessions(folder, lake):
    ranks: dict[str, list[int]] = {}
    for day in CHAIN:
        for row in lake.read("patterns", day).to_pylist():
            if row["status"] == "confirmed":
                ranks.setdefault(row["pattern_id"], []).append(row["rank"])
    rows = answer(folder, "How the rank of a pattern changed")
    assert all(row["ranks"] == ranks[row["pattern_id"]] for row in rows)
    moved = max(max(each) - min(each) for each in ranks.values())
    assert max(rows[0]["ranks"]) - min(rows[0]["ranks"]) == moved > 0


def test_the_share_inside_the_interval_is_that_of_the_adjusted_bars(folder, lake):
    panel = lake.panel(date.fromisoformat(DAYS[-1]))
    log_close, sessions = np.log(panel.close), panel.sessions.tolist()
    assert any(ratio == 2.0 for ratio in lake.read("prices", CHAIN[4])["split_ratio"].to_pylist())
    inside: dict[tuple[str, int], list[bool]] = {}
    for day in CHAIN:
        for row in lake.read("forecasts", day).to_pylist():
            start = sessions.index(row["session"])
            if start + row["horizon"] >= len(sessions):
                continue
            symbol = panel.symbols.index(row["symbol"])
            realised = log_close[symbol, start + row["horizon"]] - log_close[symbol, start]
            if row["q050"] is not None and np.isfinite(realised):
                inside.setdefault((row["model"], row["horizon"]), []).append(row["q050"] <= realised <= row["q950"])
    rows = answer(folder, "Do forecasts cover what they say")
    assert {(row["model"], row["horizon"]): row["outcomes"] for row in rows} == {
        key: len(each) for key, each in inside.items()
    }
    for row in rows:
        assert row["inside"] == pytest.approx(np.mean(inside[row["model"], row["horizon"]]))


def test_the_quarantine_is_counted_by_the_session_of_the_bar(folder, lake):
    rows = {str(row["session"]): row for row in answer(folder, "Rows and quarantined bars of each session")}
    assert list(rows) == DAYS[:-21:-1]
    every = asked(folder, QUERIES["Rows and quarantined bars of each session"].replace("limit 20", ""))
    found = [row for day in DAYS for row in lake.read("quarantine", day).to_pylist()]
    there = {(row["session"], row["symbol"]) for day in DAYS for row in lake.read("prices", day).to_pylist()}
    faulty = {(row["session"], row["symbol"]) for row in found} & there
    assert sum(row["quarantined"] for row in every) == len(faulty) > 0
    left_out = {(row["session"], row["symbol"]) for row in found if row["excluded"]} & there
    assert sum(row["left_out"] for row in every) == len(left_out) > 0


def test_the_histogram_counts_every_p_value_once(folder, lake):
    rows = answer(folder, "How p-values are spread")
    values = [
        row["status"] for day in CHAIN for row in lake.read("patterns", day).to_pylist() if row["p_value"] is not None
    ]
    counted: Counter[str] = Counter()
    for row in rows:
        counted[row["status"]] += row["patterns"]
    assert counted == Counter(values)
    assert {row["tenth"] for row in rows} <= set(range(1, 11))


def test_each_sector_is_counted(folder):
    assert {row["sector"] for row in answer(folder, "Sectors with most confirmed impulses")} <= set(SECTORS)


def test_nothing_of_the_project_needs_duckdb():
    files = [path for layer in ("kernels", "resources", "assets", "jobs") for path in (ROOT / layer).rglob("*.py")]
    assert [path for path in files if re.search(r"^\s*(import|from) duckdb", path.read_text(), re.MULTILINE)] == []
