"""The report as an asset: a page for each session, kept while nothing under it changed, honest about what it lacks."""

import json
from datetime import date
from pathlib import Path

import dagster as dg
import fsspec
import pytest

from assets.daily_report import FOLDER, RATES, SKILL, _judged_years
from definitions import build_defs
from kernels.errors import MissingHistoryError
from resources.contracts import FORECAST_SKILL, PATTERN_OUTCOME_RATES
from resources.parquet_lake import ParquetLake
from resources.report import described
from resources.wiring import LakeResource, ScanSettingsResource, WaveScorerResource
from tests.forecast_runs import copy_lake, materialize, metadata_of
from tests.lake_rows import WRITTEN
from tests.market_lake import fill_lake
from tests.page_checks import check_page, every, parsed, words_of
from tests.report_rows import filled

FIRST, LAST = date(2017, 7, 17), date(2018, 1, 8)
DAYS = ["2018-01-04", "2018-01-05", "2018-01-08"]
QUARTER = "2018-01-01"
CHAIN = ["windows", "patterns", "forecasts", "simulations", "picks"]
ALL = [*CHAIN, "daily_report"]


def run(assets, lake: Path, first: str, last: str | None = None, **options):
    resources = {
        "scan_settings": ScanSettingsResource(lengths=[63], recall_sample=0),
        "wave_scorer": WaveScorerResource(backend="cpu"),
    }
    return materialize(assets, lake, first, last, **resources | options)


def pages(lake: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in sorted((lake / FOLDER).iterdir())}


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Path:
    """Bars of six symbols, and the null distributions of the quarter."""
    root = tmp_path_factory.mktemp("bare")
    fill_lake(root, 6, FIRST, LAST)
    run("null_distributions", root, QUARTER, config={"surrogates": 2, "bins": 200})
    return root


@pytest.fixture(scope="module")
def whole(bare, tmp_path_factory):
    """The same with the chain and the reports of three sessions, made as a range in one run."""
    root = copy_lake(bare, tmp_path_factory.mktemp("whole"))
    return root, run(ALL, root, DAYS[0], DAYS[-1])


def test_a_range_gives_the_same_bytes_as_session_by_session(whole, bare, tmp_path) -> None:
    root, _ = whole
    lake = copy_lake(bare, tmp_path)
    for day in DAYS:
        run(ALL, lake, day)
    by_day, by_range = pages(lake), pages(root)
    assert list(by_day) == DAYS
    assert [day for day in DAYS if by_day[day] != by_range[day]] == []


def test_the_page_of_a_session_is_whole_and_valid(whole) -> None:
    root, _ = whole
    page = pages(root)[DAYS[-1]].decode()
    tree = parsed(page)
    check_page(tree)
    assert described(page)["missing"] == ["skill"]
    words = words_of(every(tree, "main")[0])
    assert "Monday, 8 January 2018" in words
    assert "6 members hold" in words
    assert "Of " in words
    assert "setups of 2018-01-05" in words
    [sources] = [each for each in every(tree, "table") if each.get("id") == "sources-table"]
    rows = [[words_of(cell) for cell in row][:2] for row in every(every(sources, "tbody")[0], "tr")]
    assert rows == [
        *([table, DAYS[-1]] for table in ("universe", "prices", "quarantine", *CHAIN)),
        ["null_distributions", QUARTER],
        ["patterns", DAYS[-2]],
        ["forecasts", DAYS[-2]],
    ]
    store = ParquetLake(str(root))
    assert store.info("patterns", DAYS[-1]).fingerprint in page
    assert store.info("null_distributions", QUARTER).fingerprint in page


def test_the_metadata_tells_where_it_is_and_what_it_counts(whole) -> None:
    root, result = whole
    told = metadata_of(result, "daily_report", DAYS[-1])
    patterns = ParquetLake(str(root)).read("patterns", DAYS[-1], ["status"])["status"].to_pylist()
    assert told["dagster/uri"] == str(root / FOLDER / f"{DAYS[-1]}.html")
    assert told["bytes"] == Path(told["dagster/uri"]).stat().st_size
    assert (told["confirmed_patterns"], told["setups"]) == (patterns.count("confirmed"), patterns.count("setup"))
    assert told["sections_missing"] == "skill"
    assert told["kept"] is False
    assert told["seconds"] > 0
    first = metadata_of(result, "daily_report", DAYS[0])
    assert first["sections_missing"] == "changes, skill"


def test_a_report_is_kept_while_nothing_under_it_changed(whole, tmp_path) -> None:
    lake = copy_lake(whole[0], tmp_path)
    before = {path: path.stat().st_mtime_ns for path in (lake / FOLDER).iterdir()}
    result = run("daily_report", lake, DAYS[0], DAYS[-1])
    assert before == {path: path.stat().st_mtime_ns for path in (lake / FOLDER).iterdir()}
    assert [metadata_of(result, "daily_report", day)["kept"] for day in DAYS] == [True] * 3
    assert metadata_of(result, "daily_report", DAYS[-1])["setups"] > 0


def test_only_the_reports_that_show_a_changed_table_are_made_again(whole, tmp_path) -> None:
    lake = copy_lake(whole[0], tmp_path)
    before = pages(lake)
    store = ParquetLake(str(lake))
    store.write("picks", DAYS[1], store.read("picks", DAYS[1]).slice(1), **WRITTEN)
    store.write("patterns", DAYS[0], store.read("patterns", DAYS[0]).slice(1), **WRITTEN)
    result = run("daily_report", lake, DAYS[0], DAYS[-1])
    # The page of the second session shows the patterns of the first one too.
    assert [metadata_of(result, "daily_report", day)["kept"] for day in DAYS] == [False, False, True]
    assert [day for day in DAYS if before[day] != pages(lake)[day]] == DAYS[:2]


def test_a_report_shows_whether_the_forecasts_of_the_session_before_were_met(whole, tmp_path) -> None:
    lake = copy_lake(whole[0], tmp_path)
    assert "6 closes lie in their 90 % interval" in words_of(parsed(pages(lake)[DAYS[-1]].decode()))
    store = ParquetLake(str(lake))
    store.write("forecasts", DAYS[0], store.read("forecasts", DAYS[0]).slice(5), **WRITTEN)
    result = run("daily_report", lake, DAYS[1], DAYS[-1])
    assert [metadata_of(result, "daily_report", day)["kept"] for day in DAYS[1:]] == [False, True]
    assert "5 closes lie in their 90 % interval" in words_of(parsed(pages(lake)[DAYS[1]].decode()))


def test_a_bar_of_the_look_back_that_changed_makes_it_again(whole, tmp_path) -> None:
    lake = copy_lake(whole[0], tmp_path)
    store = ParquetLake(str(lake))
    table = store.read("prices", "2017-10-02")
    store.write("prices", "2017-10-02", table.slice(1), **WRITTEN)
    assert metadata_of(run("daily_report", lake, DAYS[-1]), "daily_report", DAYS[-1])["kept"] is False


@pytest.mark.parametrize("damaged", [None, b"", b"\xff" * 5000], ids=["torn", "empty", "foreign"])
def test_a_torn_or_foreign_file_is_made_again(whole, tmp_path, damaged) -> None:
    lake = copy_lake(whole[0], tmp_path)
    before = pages(lake)
    file = lake / FOLDER / f"{DAYS[-1]}.html"
    file.write_bytes(before[DAYS[-1]][:-1000] if damaged is None else damaged)
    run("daily_report", lake, DAYS[-1])
    assert pages(lake) == before


def test_another_backend_makes_it_again_and_says_so(whole, tmp_path) -> None:
    lake = copy_lake(whole[0], tmp_path)
    run("daily_report", lake, DAYS[-1], wave_scorer=WaveScorerResource(backend="naive"))
    words = words_of(parsed(pages(lake)[DAYS[-1]].decode()))
    assert "Waves computed onNAIVE" in words


def test_with_bars_alone_every_section_says_what_makes_it(bare, tmp_path) -> None:
    lake = copy_lake(bare, tmp_path, "null_distributions")
    result = run("daily_report", lake, DAYS[0])
    told = metadata_of(result, "daily_report", DAYS[0])
    assert told["sections_missing"] == "how-sure, top-patterns, setups, confirmed, forecasts, picks, changes, skill"
    page = parsed(pages(lake)[DAYS[0]].decode())
    check_page(page)
    commands = {words_of(each) for each in every(page, "code")}
    tags = json.dumps({"dagster/partition": DAYS[0]})
    assert f"dagster job execute -m definitions -j daily_sp500 --tags '{tags}'" in commands


def test_without_bars_it_is_refused_with_the_command(tmp_path) -> None:
    fill_lake(tmp_path, 2, date(2017, 12, 1), date(2018, 1, 3))
    with pytest.raises(MissingHistoryError, match="daily_sp500"):
        run("daily_report", tmp_path, DAYS[0])
    assert not (tmp_path / FOLDER).exists()


def test_a_table_of_another_version_counts_as_missing(whole, tmp_path) -> None:
    lake = copy_lake(whole[0], tmp_path)
    file = lake / "picks" / f"{DAYS[-1]}.parquet"
    # As an earlier version of the contract would have left it.
    file.write_bytes(
        file.read_bytes().replace(b"wavemill.schema_version\x18\x011", b"wavemill.schema_version\x18\x010")
    )
    assert ParquetLake(str(lake)).info("picks", DAYS[-1]).schema_version == "0"
    told = metadata_of(run("daily_report", lake, DAYS[-1]), "daily_report", DAYS[-1])
    assert told["sections_missing"] == "forecasts, picks, skill"


def test_a_year_is_shown_once_all_its_outcomes_are_known(tmp_path) -> None:
    lake = ParquetLake(str(tmp_path))
    for year in ("2015", "2016", "2017"):
        lake.write(SKILL, year, filled(FORECAST_SKILL, []), **WRITTEN)
        lake.write(RATES, year, filled(PATTERN_OUTCOME_RATES, []), **WRITTEN)

    def shown(session: str) -> dict[str, str]:
        return dict(_judged_years(lake, date.fromisoformat(session)))

    # The last session of 2017 is 29 December; 63 sessions later it is 3 April.
    assert shown("2017-12-29") == {SKILL: "2016", RATES: "2016"}
    assert shown("2018-01-02") == {SKILL: "2017", RATES: "2016"}
    assert shown("2018-04-02") == {SKILL: "2017", RATES: "2016"}
    assert shown("2018-04-03") == {SKILL: "2017", RATES: "2017"}
    assert shown("2014-06-02") == {}


def test_a_lake_that_is_no_folder_works_too(whole) -> None:
    memory = fsspec.filesystem("memory")
    root = whole[0]
    for path in root.rglob("*.parquet"):
        memory.pipe_file(f"/report-lake/{path.relative_to(root)}", path.read_bytes())
    resources = {"lake": LakeResource(root="memory://report-lake"), "wave_scorer": WaveScorerResource(backend="cpu")}
    defs = build_defs(resource_overrides=resources)
    job = dg.define_asset_job("report", selection="daily_report", executor_def=dg.in_process_executor)
    only = dg.Definitions(assets=defs.assets, jobs=[job], resources=defs.resources).resolve_job_def("report")
    try:
        assert only.execute_in_process(tags={"dagster/partition": DAYS[-1]}).success
        made = memory.cat_file(f"/report-lake/{FOLDER}/{DAYS[-1]}.html")
    finally:
        memory.rm("/report-lake", recursive=True)
    assert made == pages(root)[DAYS[-1]]
