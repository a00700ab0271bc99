from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from kernels.errors import SettingsError
from resources.price_sources import FilePrices, PriceSource, SimulatedPrices, YahooPrices, open_price_source

ROOT = Path(__file__).resolve().parents[3]


def test_each_name_opens_its_source_without_work(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere.csv"
    sources: list[PriceSource] = [
        open_price_source("simulated", seed=5),
        open_price_source("files", prices_path=nowhere),
        open_price_source("yahoo", constituents_path=str(nowhere)),
    ]
    assert [type(source) for source in sources] == [SimulatedPrices, FilePrices, YahooPrices]
    assert [source.name for source in sources] == ["simulated", "files", "yahoo"]
    assert "seed 5" in sources[0].fingerprint()


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("files", "WAVEMILL_PRICES_PATH"),
        ("yahoo", "WAVEMILL_CONSTITUENTS_PATH"),
        ("bloomberg", "WAVEMILL_PRICE_SOURCE"),
        ("", "WAVEMILL_PRICE_SOURCE"),
    ],
)
def test_a_missing_or_wrong_setting_is_named(name: str, variable: str) -> None:
    with pytest.raises(SettingsError) as caught:
        open_price_source(name)
    assert caught.value.where == variable
    assert variable in caught.value.mend


def test_a_path_that_is_not_there_is_reported_by_the_first_use(tmp_path: Path) -> None:
    source = open_price_source("yahoo", constituents_path=tmp_path / "nowhere.csv")
    with pytest.raises(ValueError, match="nothing there"):
        source.universe(date(2018, 2, 7))


def test_importing_the_package_imports_neither_yfinance_nor_dagster_and_prints_nothing() -> None:
    code = "import sys, resources.price_sources; sys.exit(bool({'yfinance', 'dagster', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
