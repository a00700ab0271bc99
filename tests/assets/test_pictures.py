"""Pictures in the metadata of the newest session, and numbers in that of every session."""

import base64
import io
import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest
from markdown_it import MarkdownIt
from PIL import Image

from assets.pictures import forecast_pictures, pattern_pictures, picture, simulation_picture, traded_strategies
from assets.session_run import table_of
from kernels.strategies import expected_returns
from kernels.volatility import DEFAULT_HORIZONS, DEFAULT_LEVELS
from resources.contracts import FORECASTS, PATTERNS, SIMULATIONS, UNIVERSE, quantile_column
from resources.parquet_lake import ParquetLake
from resources.pick_tables import PICK_HORIZON
from tests.daily_chain import DAYS, run
from tests.forecast_runs import metadata_of, rows_told
from tests.lake_rows import WRITTEN, write_prices, write_quarantine
from tests.pattern_rows import DAYS as PATTERN_DAYS
from tests.pattern_rows import pattern_table, setup, zigzag
from tests.small_market import small_bars, with_faults
from tests.small_market import write_prices as write_price_file

RANGE = DAYS[-3:]
SHOWN = {"patterns": "least_like_chance", "forecasts": "largest_expected_moves", "simulations": "best_deflated_sharpe"}
FOLLOWED = {
    "universe": set(),
    "prices": set(),
    "quarantine": {"excluded_bars"},
    "windows": {"kept_windows", "kept_share"},
    "patterns": {"confirmed_patterns", "setups", "discoveries", "filter_recall"},
    "forecasts": {"symbols_with_forecast", f"median_volatility_{DEFAULT_HORIZONS[-1]}"},
    "simulations": {"median_sharpe", "sharpe_above_0_share"},
    "picks": {"long_picks", "short_picks", "agreeing_picks"},
}
HOSTILE = "<script>alert(1)</script>](http://x)![y\\"
HOSTILE_NAME = '"><img src=x onerror=alert(1)>`*_~|&amp;\u202e' + "x" * 300
SESSION = PATTERN_DAYS[60].item()
KEY = str(SESSION)


def images(markdown: str) -> list[tuple[str, str]]:
    """Words and address of each image in Markdown, which must hold nothing else."""
    found = []
    for block in MarkdownIt("commonmark").parse(markdown):
        assert block.type in ("paragraph_open", "inline", "paragraph_close")
        for child in block.children or []:
            assert child.type == "image"
            # Words alone: neither HTML, nor a link, nor emphasis.
            assert {each.type for each in child.children} <= {"text", "text_special"}
            found.append(("".join(each.content for each in child.children), child.attrs["src"]))
    return found


def png(address: str) -> bytes:
    head, _, data = address.partition(",")
    assert head == "data:image/png;base64"
    return base64.b64decode(data, validate=True)


@pytest.fixture(scope="module")
def prices(tmp_path_factory) -> Path:
    return write_price_file(with_faults(small_bars()), tmp_path_factory.mktemp("prices"))


@pytest.fixture(scope="module")
def history(tmp_path_factory, prices) -> tuple[Path, dg.ExecuteInProcessResult]:
    """The history of all sessions, with faulty bars."""
    lake = tmp_path_factory.mktemp("lake")
    return lake, run("price_history", lake, prices, DAYS[0], DAYS[-1])


@pytest.fixture(scope="module")
def chain(history, prices) -> tuple[Path, dg.ExecuteInProcessResult]:
    """The daily chain over three sessions."""
    lake, _ = history
    return lake, run("daily_sp500", lake, prices, RANGE[0], RANGE[-1])


@pytest.mark.parametrize(("asset", "count"), [("patterns", 4), ("forecasts", 2), ("simulations", 1)])
def test_the_newest_session_shows_its_charts_as_small_pictures_with_words(chain, asset, count):
    told = metadata_of(chain[1], asset, RANGE[-1])
    found = images(told[SHOWN[asset]])
    assert len(found) == count
    for words, address in found:
        data = png(address)
        assert len(data) < 100_000
        assert len(words) > 10
        with Image.open(io.BytesIO(data)) as shown:
            assert (shown.format, shown.width) == ("PNG", 900)
            assert len(shown.convert("L").getcolors()) > 10
    assert len({address for _, address in found}) == count
    stored = sum(len(str(value)) for value in told.values())
    assert stored < 250_000


@pytest.mark.parametrize("asset", SHOWN)
def test_the_older_sessions_of_a_range_have_no_picture(chain, asset):
    for day in RANGE[:-1]:
        told = metadata_of(chain[1], asset, day)
        assert "base64" not in json.dumps(told, default=str)
        assert len(str(told)) < 3000


def test_the_patterns_shown_are_the_least_like_chance(chain):
    rows = ParquetLake(str(chain[0])).read("patterns", RANGE[-1]).to_pylist()
    found = images(metadata_of(chain[1], "patterns", RANGE[-1])["least_like_chance"])
    for place, status in enumerate(("confirmed", "setup")):
        # Without null distributions every p-value is unknown, so the score decides.
        of_status = sorted((row for row in rows if row["status"] == status), key=lambda row: -row["score"])
        paths, best = set(), []
        for row in of_status:
            path = (row["symbol"], *(pivot["session"] for pivot in row["pivots"]))
            best += [row] if path not in paths else []
            paths.add(path)
        for row, (words, _) in zip(best[:2], found[2 * place : 2 * place + 2], strict=True):
            assert words.startswith(f"{row['symbol']}: {row['class'].replace('_', ' ').capitalize()}, ")
            assert f", {status}" in words


def test_the_forecasts_shown_expect_the_largest_moves_for_their_volatility(chain):
    table = ParquetLake(str(chain[0])).read("forecasts", RANGE[-1])
    moves = {}
    for row in table.to_pylist():
        if row["horizon"] == PICK_HORIZON and row["status"] == "ok":
            quantiles = np.array([[row[quantile_column(level)] for level in DEFAULT_LEVELS]])
            moves[row["symbol"]] = abs(expected_returns(quantiles)[0]) / row["volatility"]
    best = sorted(moves, key=lambda symbol: -moves[symbol])[:2]
    found = images(metadata_of(chain[1], "forecasts", RANGE[-1])["largest_expected_moves"])
    assert [words for words, _ in found] == [f"{symbol}: forecast" for symbol in best]


def test_the_simulations_shown_are_listed_beside_the_picture(chain):
    table = ParquetLake(str(chain[0])).read("simulations", RANGE[-1])
    traded = [row for row in table.to_pylist() if row["hurdle"] is not None and row["deflated_sharpe"] is not None]
    traded.sort(key=lambda row: (-row["deflated_sharpe"], row["symbol"], row["strategy"]))
    listed = metadata_of(chain[1], "simulations", RANGE[-1])["best_strategies"].records
    assert [(each.data["symbol"], each.data["strategy"]) for each in listed] == [
        (row["symbol"], row["strategy"]) for row in traded[:10]
    ]


def test_the_faults_of_a_range_are_a_table_by_kind(history):
    lake, result = history
    entries = [row for day in DAYS for row in ParquetLake(str(lake)).read("quarantine", day).to_pylist()]
    kinds, excluded = (
        Counter(row["kind"] for row in rows) for rows in (entries, (e for e in entries if e["excluded"]))
    )
    told = metadata_of(result, "quarantine", DAYS[-1])["faults_by_kind"]
    assert rows_told(told) == [(kind, kinds[kind], excluded[kind]) for kind in sorted(kinds)]
    assert len(kinds) > 3
    for day in DAYS:
        count = sum(row["excluded"] for row in entries if str(row["known_on"]) == day)
        assert metadata_of(result, "quarantine", day)["excluded_bars"] == count


@pytest.mark.parametrize("asset", FOLLOWED)
def test_every_session_of_a_range_has_the_numbers_to_follow(chain, asset):
    for day in RANGE:
        told = metadata_of(chain[1], asset, day)
        wanted = FOLLOWED[asset] | {"dagster/partition_row_count"}
        if asset not in ("universe", "prices", "quarantine"):
            wanted = wanted | {"seconds_per_session"}
        assert wanted <= set(told)
        for name in wanted:
            assert isinstance(told[name], int | float)
            assert np.isfinite(told[name])


def test_the_numbers_are_those_of_the_tables(chain):
    lake = ParquetLake(str(chain[0]))
    for day in RANGE:
        tables = {asset: lake.read(asset, day).to_pylist() for asset in FOLLOWED}
        told = {asset: metadata_of(chain[1], asset, day) for asset in FOLLOWED}
        windows = tables["windows"]
        kept, scored = (
            sum(each) for each in ((row["kept"] for row in windows), (row["pre_score"] is not None for row in windows))
        )
        assert (told["windows"]["kept_windows"], told["windows"]["kept_share"]) == (kept, kept / scored)
        statuses = [row["status"] for row in tables["patterns"]]
        for name, status in (("confirmed_patterns", "confirmed"), ("setups", "setup")):
            assert told["patterns"][name] == statuses.count(status) > 0
        assert told["patterns"]["backend"] in ("cpu", "gpu")
        assert told["windows"]["backend"] == "cpu"
        longest = [row["volatility"] for row in tables["forecasts"] if row["horizon"] == DEFAULT_HORIZONS[-1]]
        assert told["forecasts"][f"median_volatility_{DEFAULT_HORIZONS[-1]}"] == float(np.median(longest))
        assert told["forecasts"]["symbols_with_forecast"] == len(longest)
        traded = [row for row in tables["simulations"] if row["hurdle"] is not None and row["trades"]]
        assert told["simulations"]["median_sharpe"] == float(np.median([row["sharpe_252"] for row in traded]))
        above = [row["sharpe_low"] > 0.0 for row in traded if row["sharpe_low"] is not None]
        assert told["simulations"]["sharpe_above_0_share"] == sum(above) / len(above)
        assert told["picks"]["agreeing_picks"] == sum(row["agreement"] == 1 for row in tables["picks"])


def test_a_session_that_is_kept_has_the_same_numbers_and_pictures(chain, prices):
    lake, first = chain
    again = run("daily_sp500", lake, prices, RANGE[0], RANGE[-1])
    for asset, names in FOLLOWED.items():
        for day in RANGE:
            before, after = (metadata_of(each, asset, day) for each in (first, again))
            # It takes a scan to know the recall.
            for name in names - {"filter_recall"}:
                assert after[name] == before[name], (asset, day, name)
            assert "seconds_per_session" not in after
        if asset in SHOWN:
            newest = (metadata_of(each, asset, RANGE[-1])[SHOWN[asset]] for each in (first, again))
            assert len(set(newest)) == 1


def hostile_lake(root: Path) -> ParquetLake:
    """A lake whose one symbol and company are made to break out of Markdown and HTML."""
    lake = ParquetLake(str(root))
    for place, day in enumerate(PATTERN_DAYS[:61]):
        write_prices(lake, str(day), {HOSTILE: 100.0 + 5.0 * np.sin(place)})
        write_quarantine(lake, str(day))
    member: dict[str, Any] = {"session": SESSION, "symbol": HOSTILE, "name": HOSTILE_NAME, "sector": "Energy"}
    put(lake, "universe", UNIVERSE.table({name: [member.get(name)] for name in UNIVERSE.schema.names}))
    return lake


def put(lake: ParquetLake, table: str, rows: pa.Table) -> None:
    lake.write(table, KEY, rows, **WRITTEN)


def forecast_rows(*symbols: str, known: bool = True) -> pa.Table:
    quantiles = dict.fromkeys((quantile_column(level) for level in DEFAULT_LEVELS), None)
    if known:
        quantiles = {quantile_column(level): 0.1 * (level - 0.4) for level in DEFAULT_LEVELS}
    rows = [
        {
            "session": SESSION, "symbol": symbol, "horizon": horizon, **quantiles,
            "volatility": 0.02 if known else None, "residuals": 500 if known else 0,
            "status": "ok" if known else "too little history", "model": HOSTILE,
        }
        for symbol in symbols
        for horizon in DEFAULT_HORIZONS
    ]  # fmt: skip
    return FORECASTS.table({name: [row.get(name) for row in rows] for name in FORECASTS.schema.names})


def simulation_rows(*symbols: str, deflated: float | None = 0.7) -> pa.Table:
    row = {
        "session": SESSION, "strategy": HOSTILE, "horizon": 5, "sides": "both", "hurdle": 1.0, "status": "ok",
        "model": HOSTILE, "fill": "next open", "first_origin": SESSION, "origins": 70, "trials": 4, "trades": 3,
        "sharpe_252": 1.0, "sharpe_low": -1.0, "sharpe_high": 3.0, "deflated_sharpe": deflated,
    }  # fmt: skip
    rows = [row | {"symbol": symbol} for symbol in symbols]
    return SIMULATIONS.table({name: [each.get(name) for each in rows] for name in SIMULATIONS.schema.names})


def test_hostile_names_are_words_in_the_pictures(tmp_path):
    lake = hostile_lake(tmp_path)
    put(lake, "patterns", pattern_table(60, [zigzag(60, symbol=HOSTILE), setup(60, symbol=HOSTILE)]))
    put(lake, "forecasts", forecast_rows(HOSTILE))
    put(lake, "simulations", simulation_rows(HOSTILE))
    patterns, forecasts = images(pattern_pictures(lake, KEY).value), images(forecast_pictures(lake, KEY).value)
    [(words, _)] = images(simulation_picture(traded_strategies(lake, KEY)).value)
    assert words == "Simulations with the best deflated Sharpe ratios"
    assert [words for words, _ in patterns] == [
        f"{HOSTILE}: Zigzag, upward, confirmed",
        f"{HOSTILE}: Impulse, upward, setup: wave 3 to come",
    ]
    assert [words for words, _ in forecasts] == [f"{HOSTILE}: forecast"]
    for _, address in patterns + forecasts:
        assert len(png(address)) < 100_000


@pytest.mark.parametrize("words", [HOSTILE, HOSTILE_NAME, "a](b)", "![a](b)", "<b>&lt;`c`*d*__e__~~f~~|g\\", "[a][b]"])
def test_any_words_beside_a_picture_come_back_as_they_are(words):
    assert images(picture(words, b"png")) == [(words, "data:image/png;base64,cG5n")]


def test_where_there_is_nothing_to_show_it_says_so(tmp_path):
    lake = hostile_lake(tmp_path)
    put(lake, "patterns", PATTERNS.schema.empty_table())
    put(lake, "forecasts", forecast_rows(HOSTILE, known=False))
    put(lake, "simulations", simulation_rows(HOSTILE, deflated=None))
    found = {
        pattern_pictures(lake, KEY),
        forecast_pictures(lake, KEY),
        simulation_picture(traded_strategies(lake, KEY)),
    }
    assert found == {"nothing to show"}


def test_a_table_of_nothing_says_so_and_numbers_stay_numbers():
    assert table_of(("a", "b"), []) == "none"
    [record] = table_of(("a", "b", "c"), [(1, 0.5, date(2018, 2, 7))]).records
    assert record.data == {"a": 1, "b": 0.5, "c": "2018-02-07"}
