"""The guides about prices, patterns, every day, GPUs, settings and the rooms: every command is run somewhere, the index
and the glossary are complete; and those about prices and every day are run as they are written, on small lakes.
"""

import os
import re
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from assets.daily_report import FOLDER
from definitions import defs
from resources.calendar import ALL_SESSIONS, newest_complete_session, session_number, sessions
from resources.contracts import CONTRACTS
from resources.parquet_lake import ParquetLake
from resources.price_sources.constituents import read_constituents
from resources.report import report_page
from tests.daily_chain import DAYS, run
from tests.guides import DOCS, blocks, guide, rows_of, run_python
from tests.market_lake import fill_lake
from tests.report_rows import given
from tests.small_market import small_bars, with_faults, write_prices
from tests.test_readme import CLI_TESTS, fenced, normalised

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
HERE, ONE_SYMBOL, GRAPH = (
    f"tests/{name}.py" for name in ("jobs/test_docs_guides", "jobs/test_pattern_guides", "benchmarks/test_import_graph")
)
GPU = "tests/jobs/test_gpu_guide.py"
YAHOO = "tests/resources/price_sources/test_price_yahoo.py"
LAKE = "data/lake-simulated"

# Every command of these guides, as `normalised` writes it, and the file that runs it.
COMMANDS = {
    "bring-your-own-prices": {
        "WAVEMILL_PRICE_SOURCE= WAVEMILL_PRICES_PATH= make run": CLI_TESTS,
        "pip install -c constraints.txt -e .[EXTRA]": "Makefile",
        "WAVEMILL_PRICE_SOURCE= WAVEMILL_CONSTITUENTS_PATH= make run": YAHOO,
    },
    "read-a-pattern": {
        "dagster job execute -m definitions -j price_history --tags range": CLI_TESTS,
        "dagster job execute -m definitions -j calibrate_null --tags session": CLI_TESTS,
        "dagster job execute -m definitions -j daily_sp500 --tags session": CLI_TESTS,
        f"python -m benchmarks.pattern_picture {LAKE} 2018-02-07 e9854700a5dc30bd --to my_pattern.svg": ONE_SYMBOL,
    },
    "daily-report": {
        "dagster job execute -m definitions -j daily_sp500 --tags session": CLI_TESTS,
        f"python -m webbrowser -t {LAKE}/daily_report/2018-02-07.html": HERE,
        "python -m benchmarks.screenshots": "tests/benchmarks/test_screenshots.py",
    },
    "run-every-day": {
        "make ui": "tests/browser/test_ui.py",
        "dagster schedule start --start-all -w FILE": HERE,
        "dagster sensor start alerts_sensor -w FILE": HERE,
        "dagster job execute -m definitions -j daily_sp500 --tags range": CLI_TESTS,
    },
    "gpu": {
        "pip install -c constraints.txt -e .[EXTRA]": "Makefile",
        "dagster job execute -m definitions -j scan_symbols -c FILE": CLI_TESTS,
        "dagster job execute -m definitions -j profile_gpu": GPU,
        "make gpu-check": ONE_SYMBOL,
    },
    "tune": {
        "dagster job execute -m definitions -j daily_sp500 -c PROFILE --tags session": CLI_TESTS,
        "dagster job execute -m definitions -j scan_symbols -c FILE": CLI_TESTS,
        f"python -m benchmarks.scan_settings {LAKE} 2018-02-07": ONE_SYMBOL,
    },
    "architecture": {"python -m benchmarks.import_graph": GRAPH},
    "action-values": {
        "dagster job execute -m definitions -j train_action_model -c FILE": "tests/jobs/test_action_values_guide.py",
    },
    "glossary": {},
    "README": {},
}

WORDS = """
bar session leg swing pivot impulse diagonal zigzag flat triangle degree confirmed setup invalidation target panel
window pre-score surrogate p-value q-value fill slippage mark-to-market origin horizon quantile skill shard label state
action
"""
"""What the glossary must explain."""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_a_guide_is_run_somewhere(name):
    assert {normalised(line) for line in fenced(guide(name), "bash")} - {""} == set(COMMANDS[name])
    assert all((ROOT / file).is_file() for file in COMMANDS[name].values())


def test_the_index_links_every_page():
    linked = re.findall(r"\]\(([\w./-]+\.md)\)", guide("README"))
    pages = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")} - {"README.md"}
    assert sorted(set(linked) - {"../README.md"}) == sorted(pages)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_guide_is_two_screens_and_no_line_is_too_long(name):
    lines = guide(name).splitlines()
    assert len(lines) <= 120
    assert [line for line in lines if len(line) > 150 and not line.startswith(("|", "dagster "))] == []


def test_the_report_is_opened_by_the_command_of_its_guide(tmp_path):
    [command] = [line for line in fenced(guide("daily-report"), "bash") if " webbrowser " in line]
    environment = os.environ | {"BROWSER": "echo %s"}
    told = subprocess.run(
        [sys.executable, *command.split()[1:]],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert told.split()[0] == command.split()[-1]
    assert Path(command.split()[-1]).parent.name == FOLDER


def test_the_guide_of_the_report_names_its_sections_and_filters():
    text = guide("daily-report")
    page = report_page(given())
    titles = re.findall(r"<h2[^>]*>([^<]*)</h2>", page)
    assert len(titles) == 10
    assert [title for title in titles if f"| {title} | " not in text] == []
    told = re.findall(r"<dt>([^<]*)</dt>", page.partition('class="facts held"')[2].partition("</dl>")[0])
    assert [line for line in told if f"| {re.sub('6 February', 'the day before', line)} | " not in text] == []


def test_the_glossary_explains_the_words_and_all_tables():
    explained = re.findall(r"\*\*([\w-]+)\*\*", guide("glossary"))
    assert set(WORDS.split()) <= set(explained)
    assert set(rows_of("glossary")) == set(CONTRACTS)


@pytest.fixture(scope="module")
def prices_folder(tmp_path_factory) -> Path:
    """With a download of other names, and its first 145 sessions."""
    here = tmp_path_factory.mktemp("prices")
    bars = with_faults(small_bars()).rename(columns={"symbol": "Ticker", "date": "Day", "split_ratio": "Split"})
    bars = bars[bars["Day"] <= DAYS[144]]
    closed = bars.iloc[[0]].assign(Day=pd.Timestamp("2017-07-04"))
    pd.concat([bars, closed, bars.iloc[[-1]]]).to_csv(here / "download.csv", index=False)
    return here


def test_a_download_becomes_prices_and_what_is_wrong_with_it_is_told_and_kept_apart(prices_folder):
    make, look, quarantined = blocks("bring-your-own-prices", "python")
    told = run_python(make + look, prices_folder)
    assert f"{DAYS[0]} to {DAYS[144]}; as traded: True; members by date: False" in told
    assert "8 symbols with bars; without: ()" in told
    assert "1 row on a closed day left out (2017-07-04)" in told
    assert "2 rows with a date that the symbol has more than once left out" in told
    run("price_history", prices_folder / "data/lake-files", prices_folder / "prices.parquet", DAYS[119], DAYS[144])
    told = run_python(quarantined, prices_folder)
    assert re.search(r"ohlc_order +True +1", told)
    assert re.search(r"repeated_bar +False +1\n +True +1", told)


def test_the_list_of_members_of_the_guide_is_one_with_dates(tmp_path):
    [listed] = blocks("bring-your-own-prices", "csv")
    (tmp_path / "constituents.csv").write_text(listed)
    constituents = read_constituents(tmp_path / "constituents.csv")
    assert constituents.membership_known
    assert constituents.as_of(date(2018, 2, 1))["symbol"].tolist() == ["AAC"]


@pytest.fixture(scope="module")
def daily_folder(tmp_path_factory) -> Path:
    """Where somebody stands who was away for a week: prices up to the newest session, a lake without the last ones."""
    here = tmp_path_factory.mktemp("daily")
    last = newest_complete_session()
    days = ALL_SESSIONS[session_number(last) - 70 : session_number(last) + 1]
    away = len(sessions(last - timedelta(days=7), last))
    fill_lake(here / LAKE, 8, days[0].item(), days[-away - 1].item())
    write_prices(small_bars(8, days[0].item(), last), here / "prices")
    (here / ".venv/bin").mkdir(parents=True)
    (here / ".venv/bin/activate").write_text("")
    (here / "data/dagster").mkdir()
    (here / "data/dagster/dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    [script] = blocks("run-every-day", "sh")
    (here / "run_daily.sh").write_text(script)
    (here / "workspace.yaml").write_text((ROOT / "workspace.yaml").read_text())
    return here


@pytest.fixture(scope="module")
def outputs(daily_folder) -> dict[str, str]:
    """What the script and the commands that switch things on print; they run at a time."""
    home = daily_folder / "data/dagster"
    with dg.DagsterInstance.from_config(str(home)) as instance:
        # Makes the files of the instance, so that the processes needn't at the same moment.
        assert (instance.get_runs_count(), list(instance.all_instigator_state())) == (0, [])
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "DAGSTER_HOME": str(home),
        "WAVEMILL_LAKE": str(daily_folder / LAKE),
        "WAVEMILL_PRICE_SOURCE": "files",
        "WAVEMILL_PRICES_PATH": str(daily_folder / "prices/prices.parquet"),
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    }
    switches = [line for line in fenced(guide("run-every-day"), "bash") if re.match(r"dagster \w+ start ", line)]
    running = {
        command: subprocess.Popen(
            command.split(),
            cwd=daily_folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for command in ["sh run_daily.sh", *switches]
    }
    printed = {command: process.communicate(timeout=300)[0] for command, process in running.items()}
    assert {process.returncode for process in running.values()} == {0}, "\n".join(printed.values())[-5000:]
    return printed


def test_the_script_makes_up_for_a_week(daily_folder, outputs):
    last = newest_complete_session()
    week = [str(day) for day in sessions(last - timedelta(days=7), last)]
    assert ParquetLake(str(daily_folder / LAKE)).partitions("picks") == week
    assert "RUN_SUCCESS" in outputs["sh run_daily.sh"]
    [code] = blocks("run-every-day", "python")
    assert run_python(code, daily_folder) == "up to date\n"
    [room] = [line for line in fenced(guide("run-every-day"), "bash") if line.startswith("du ")]
    told = subprocess.run(["sh", "-c", room], cwd=daily_folder, capture_output=True, text=True, check=True).stdout  # noqa: S607
    assert f"{LAKE}/patterns" in told


@pytest.mark.usefixtures("outputs")
def test_the_commands_switch_everything_on(daily_folder):
    with dg.DagsterInstance.from_config(str(daily_folder / "data/dagster")) as instance:
        states = {state.instigator_name: state.is_running for state in instance.all_instigator_state()}
    assert states == {each.name: True for each in (*defs.schedules, *defs.sensors)}


def test_the_schedules_run_when_the_guide_says():
    [crontab] = blocks("run-every-day", "crontab")
    assert re.match(r"(\S+ ){5} sh \S+/run_daily\.sh ", crontab)
    crons = {each.name: each.cron_schedule for each in defs.schedules}
    resolved = {each.name: each.cron_schedule for each in defs.get_repository_def().schedule_defs}
    assert set(crons) == set(resolved) <= set(rows_of("run-every-day"))
    assert resolved == {
        "daily_sp500_schedule": "0 6 * * *",
        "calibrate_null_schedule": "0 5 2 1,4,7,10 *",
        "train_forecast_model_schedule": "0 4 2 1 *",
    }
