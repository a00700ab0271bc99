"""Every command of the README in a real subprocess, on a small market, and what happens when it goes wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest

from definitions import build_defs
from kernels.errors import PriceDataError, WavemillError
from resources.parquet_lake import ParquetLake
from resources.wiring import LakeResource
from tests.daily_chain import DAYS, HISTORY, run, with_history
from tests.small_market import small_bars, with_faults, write_prices

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
TABLES = ("universe", "prices", "quarantine", "windows", "patterns", "forecasts")


def one(day: str) -> str:
    return json.dumps({"dagster/partition": day})


def span(first: str, last: str) -> str:
    return json.dumps({"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last})


class Project:
    """A Dagster instance, a lake and a price file of their own."""

    def __init__(self, folder: Path) -> None:
        self.lake = folder / "lake"
        home = folder / "home"
        home.mkdir()
        (home / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
        self.prices = write_prices(with_faults(small_bars()), folder / "prices")
        self.environment = os.environ | {
            "DAGSTER_HOME": str(home),
            "WAVEMILL_LAKE": str(self.lake),
            "WAVEMILL_PRICE_SOURCE": "files",
            "WAVEMILL_PRICES_PATH": str(self.prices),
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "NO_COLOR": "1",
        }

    def start(self, *command: str) -> subprocess.Popen:
        return subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def run(self, *command: str, ok: bool = True) -> str:
        with self.start(*command) as process:
            output, _ = process.communicate(timeout=240)
        assert (process.returncode == 0) is ok, output[-3000:]
        return output

    def execute(self, job: str, tags: str, *more: str, ok: bool = True) -> str:
        return self.run("dagster", "job", "execute", "-m", "definitions", "-j", job, "--tags", tags, *more, ok=ok)

    def written(self) -> int:
        """How many files of the history there are."""
        return sum(len(os.listdir(self.lake / table)) for table in HISTORY if (self.lake / table).is_dir())

    def files(self) -> dict[str, bytes]:
        return {str(path.relative_to(self.lake)): path.read_bytes() for path in sorted(self.lake.rglob("*.parquet"))}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    """With the whole price history filled by the command line."""
    made = Project(tmp_path_factory.mktemp("cli"))
    output = made.execute("price_history", span(DAYS[0], DAYS[-1]))
    assert f"prices: {len(DAYS)} of {len(DAYS)} sessions" in output
    assert "sessions/s, 0 s left" in output
    return made


def test_job_execute_runs_one_session(project):
    output = project.execute("daily_sp500", one(DAYS[-1]))
    assert "RUN_SUCCESS" in output
    lake = ParquetLake(str(project.lake))
    assert all(lake.info(table, DAYS[-1]).rows > 0 for table in TABLES if table != "quarantine")


def test_job_execute_runs_a_range(project):
    project.execute("daily_sp500", span(DAYS[-4], DAYS[-2]))
    assert ParquetLake(str(project.lake)).partitions("patterns")[:3] == DAYS[-4:-1]


def test_job_execute_takes_a_profile(project):
    before = project.files().get(f"windows/{DAYS[-5]}.parquet", b"")
    project.execute("daily_sp500", one(DAYS[-5]), "-c", "jobs/profiles/fast.yaml")
    lengths = ParquetLake(str(project.lake)).read("windows", DAYS[-5])["length"].to_pylist()
    assert set(lengths) == {63, 126, 252}
    assert project.files()[f"windows/{DAYS[-5]}.parquet"] != before


def test_asset_materialize_runs_a_range_of_one_asset(project):
    target = project.lake / "forecasts" / f"{DAYS[-8]}.parquet"
    command = ["dagster", "asset", "materialize", "-m", "definitions", "--select", "key:forecasts"]
    project.run(*command, "--partition-range", f"{DAYS[-8]}...{DAYS[-7]}")
    assert target.exists()


def test_dg_launch_runs_a_range(project):
    project.run("dg", "launch", "--job", "daily_sp500", "--partition-range", f"{DAYS[-10]}...{DAYS[-9]}")
    assert (project.lake / "patterns" / f"{DAYS[-10]}.parquet").exists()


def test_calibrate_null_makes_the_p_values_of_a_quarter_known(project):
    # Other days of the quarter aren't run again, and stay without.
    project.execute("calibrate_null", one("2018-01-01"))
    project.execute("daily_sp500", one(DAYS[-2]))
    table = ParquetLake(str(project.lake)).read("patterns", DAYS[-2], ["p_value", "surrogates"])
    known = table.filter(table["p_value"].is_valid())
    assert known.num_rows > 0
    # 40 surrogates of 8 symbols, some of which have a gap too many.
    assert set(known["surrogates"].to_pylist()) <= {40 * symbols for symbols in range(5, 9)}


def test_synthetic_dataset_draws_a_shard(project, tmp_path):
    # A million rows and 63 sessions ahead need a longer history than the small market's.
    (tmp_path / "small.yaml").write_text(
        "ops: {synthetic_samples: {config: {rows_per_shard: 1000, lookback: 32, forward: 21}}}"
    )
    output = project.execute("synthetic_dataset", one("shard-000"), "-c", str(tmp_path / "small.yaml"))
    assert "1,000 of 1,000 rows" in output
    assert (project.lake / "synthetic_samples/default/shards/shard-000.parquet").exists()


def test_a_shard_that_does_not_exist_is_refused(project):
    output = project.execute("synthetic_dataset", one("shard-320"), ok=False)
    assert "shard-320" in output


def test_a_history_too_short_for_the_default_samples_is_refused_with_what_is_needed(project):
    output = project.execute("synthetic_dataset", one("shard-000"), ok=False)
    assert "sessions" in output
    assert "To mend:" in output


def test_scan_symbols_takes_a_profile(project):
    output = project.run(
        "dagster", "job", "execute", "-m", "definitions", "-j", "scan_symbols", "-c", "jobs/profiles/fast.yaml"
    )
    assert "patterns of 8 symbols" in output
    assert len(list((project.lake / "scan_symbols").glob("*.parquet"))) == 1


def test_scan_symbols_takes_symbols_and_a_range(project, tmp_path):
    symbol = small_bars()["symbol"].iloc[0]
    config = {"ops": {"scan": {"config": {"symbols": [symbol], "start": DAYS[20], "end": DAYS[-5]}}}}
    (tmp_path / "scan.yaml").write_text(json.dumps(config))
    command = ["dagster", "job", "execute", "-m", "definitions", "-j", "scan_symbols", "-c"]
    output = project.run(*command, str(tmp_path / "scan.yaml"))
    assert f"patterns of 1 symbols, {DAYS[20]} to {DAYS[-5]}" in output


def test_scan_symbols_refuses_what_it_cannot_scan(project, tmp_path):
    (tmp_path / "scan.yaml").write_text(json.dumps({"ops": {"scan": {"config": {"symbols": ["NOPE"]}}}}))
    command = ["dagster", "job", "execute", "-m", "definitions", "-j", "scan_symbols", "-c"]
    assert "no bar of NOPE" in project.run(*command, str(tmp_path / "scan.yaml"), ok=False)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"symbols": ["NOPE"]}, "no bar of NOPE"),
        ({"start": DAYS[-10]}, "at least 63 sessions"),
        ({"end": "2018-02-04"}, "a closed day"),
        ({"end": "tomorrow"}, "an ISO date"),
        ({"symbol": ["A"]}, "unexpected config entr"),
    ],
)
def test_scan_symbols_refuses_it_in_this_process_too(project, config, words):
    defs = build_defs(resource_overrides={"lake": LakeResource(root=str(project.lake))})
    job = defs.resolve_job_def("scan_symbols")
    with pytest.raises((WavemillError, dg.DagsterInvalidConfigError), match=words):
        job.execute_in_process(run_config={"ops": {"scan": {"config": config}}})


def test_a_closed_day_is_refused_with_the_day_before(project):
    output = project.execute("daily_sp500", one("2018-01-15"), ok=False)
    assert "Monday 2018-01-15, a closed day" in output
    assert "the session before it is 2018-01-12" in output


def test_an_unknown_config_key_is_refused(project, tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text("resources: {scan_settings: {config: {treshold: 0.5}}}")
    assert "treshold" in project.execute("daily_sp500", one(DAYS[-1]), "-c", str(bad), ok=False)


def test_an_unknown_setting_is_refused(project):
    environment = project.environment | {"WAVEMILL_PRICE_PATH": "x"}
    command = [str(BIN / "dagster"), "job", "list", "-m", "definitions"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "unset WAVEMILL_PRICE_PATH, or correct its name" in done.stdout + done.stderr


def test_runs_killed_at_any_moment_are_completed_by_the_next(project, tmp_path):
    killed = Project(tmp_path)
    lake = ParquetLake(str(killed.lake))
    for delay in (0.3, 1.0, 2.5):
        before = killed.written()
        process = killed.start(
            "dagster", "job", "execute", "-m", "definitions", "-j", "price_history", "--tags", span(DAYS[0], DAYS[-1])
        )
        deadline = time.monotonic() + 60
        while killed.written() == before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        for table in HISTORY:
            for day in lake.partitions(table):
                lake.read(table, day)
    killed.execute("price_history", span(DAYS[0], DAYS[-1]))
    assert killed.files() == {name: data for name, data in project.files().items() if name.split("/")[0] in HISTORY}


def test_two_runs_of_one_session_at_once_leave_one_whole_result(project, tmp_path):
    both = Project(tmp_path)
    with_history(both.lake, project.lake)
    # Dagster makes the databases of an instance in its first run; there two at once get in each other's way.
    both.execute("price_history", one(DAYS[-1]))
    command = ["dagster", "job", "execute", "-m", "definitions", "-j", "daily_sp500", "--tags", one(DAYS[-1])]
    processes = [both.start(*command) for _ in range(2)]
    outputs = [process.communicate(timeout=240)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs[0][-2000:] + outputs[1][-2000:]
    expected = project.files()[f"patterns/{DAYS[-1]}.parquet"]
    assert both.files()[f"patterns/{DAYS[-1]}.parquet"] == expected
    assert not list(both.lake.rglob("*.tmp"))


def test_a_bad_price_file_is_named_with_what_is_wrong(tmp_path):
    broken = Project(tmp_path)
    broken.prices.write_bytes(b"PAR1 not really")
    output = broken.execute("price_history", one(DAYS[-1]), ok=False)
    assert "PriceDataError" in output
    assert "Parquet" in output
    assert "prices.parquet" in output


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"PAR1 not really", "Parquet"),
        (b"symbol,date\nA,2018-02-07\n", "Parquet"),
    ],
)
def test_a_bad_price_file_is_named_in_this_process_too(tmp_path, content, words):
    prices = tmp_path / "prices.parquet"
    prices.write_bytes(content)
    with pytest.raises(PriceDataError, match=words) as error:
        run("price_history", tmp_path / "lake", prices, DAYS[-1])
    assert "prices.parquet" in str(error.value)


def test_a_lake_that_cannot_be_written_says_so(tmp_path):
    # Root may write to read-only folders, so a file stands where a folder must.
    blocked = Project(tmp_path)
    blocked.lake.mkdir()
    (blocked.lake / "prices").write_text("in the way")
    output = blocked.execute("price_history", one(DAYS[-1]), ok=False)
    assert "LakeError" in output
    assert "WAVEMILL_LAKE" in output


def test_first_run_fills_scans_and_prints_the_best_patterns(tmp_path):
    fresh = Project(tmp_path)
    output = fresh.run(sys.executable, "-m", "jobs.first_run")
    assert f"Prices: files, {DAYS[0]} to {DAYS[-1]}" in output
    assert "Confirmed patterns least like chance:" in output
    assert "At a false-discovery rate of 10%" in output
    assert "impulse" in output
    for table in TABLES:
        assert str(fresh.lake / table / f"{DAYS[-1]}.parquet") in output
    report = fresh.lake / "daily_report" / f"{DAYS[-1]}.html"
    assert str(report) in output
    assert report.stat().st_size > 50_000
    # The session before was run too, so the page tells how it turned out.
    assert "still stand" in report.read_text(encoding="utf-8")


def test_first_run_says_in_one_line_what_is_wrong(tmp_path):
    broken = Project(tmp_path)
    broken.prices.unlink()
    output = broken.run(sys.executable, "-m", "jobs.first_run", ok=False)
    assert output.startswith("error: ")
    assert "Traceback" not in output


@pytest.mark.parametrize("target", ["help", "setup", "run", "test", "ui", "lint", "bench", "gpu-check", "clean"])
def test_every_make_target_exists_and_is_explained(target):
    listed = subprocess.run(
        ["/usr/bin/env", "make", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert f"make {target} " in listed
