import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from kernels.errors import SettingsError
from resources.price_sources import DEFAULT_SEED, PRICE_SOURCES
from resources.settings import PROJECT_ROOT, VARIABLES, Settings, read_settings

ROOT = Path(__file__).resolve().parents[2]


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = read_settings({})
    assert settings == Settings(lake=str(ROOT / "data" / "lake-simulated"), compiled=str(ROOT / "data" / "compiled"))
    assert (settings.price_source, settings.seed, settings.backend) == ("simulated", DEFAULT_SEED, "auto")
    assert (settings.prices_path, settings.constituents_path) == (None, None)
    assert PROJECT_ROOT == ROOT


def test_every_variable_sets_its_own_setting() -> None:
    environment = {
        "WAVEMILL_PRICE_SOURCE": "files",
        "WAVEMILL_PRICES_PATH": "prices.parquet",
        "WAVEMILL_CONSTITUENTS_PATH": "constituents.csv",
        "WAVEMILL_LAKE": "memory://lake",
        "WAVEMILL_SEED": "11",
        "WAVEMILL_BACKEND": "naive",
        "WAVEMILL_COMPILED": "compiled",
        "WAVEMILL_ALERT_URL": "https://example.com/s3cret",
        "WAVEMILL_ALERT_P_VALUE": "1e-4",
        "WAVEMILL_ALERT_RISK_REWARD": "2.5",
    }
    assert read_settings(environment) == Settings(
        "files",
        "prices.parquet",
        "constituents.csv",
        "memory://lake",
        11,
        "naive",
        "compiled",
        "https://example.com/s3cret",
        0.0001,
        2.5,
    )
    assert environment.keys() == VARIABLES.keys()
    assert list(VARIABLES.values()) == [field.name for field in fields(Settings)]


def test_an_empty_variable_is_an_unset_one() -> None:
    assert read_settings(dict.fromkeys(VARIABLES, "")) == read_settings({})


def test_other_variables_are_none_of_our_business() -> None:
    assert read_settings({"PATH": "/bin", "DAGSTER_HOME": "x", "MY_WAVEMILL_LAKE": "y"}) == read_settings({})


@pytest.mark.parametrize("source", ["simulated", "files", "yahoo"])
def test_each_price_source_has_its_own_lake(source: str) -> None:
    paths = {"WAVEMILL_PRICES_PATH": "p.csv", "WAVEMILL_CONSTITUENTS_PATH": "c.csv"}
    settings = read_settings({"WAVEMILL_PRICE_SOURCE": source, **paths})
    assert settings.lake == str(ROOT / "data" / f"lake-{source}")
    assert source in PRICE_SOURCES


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("WAVEMILL_PRICE_SOURCE", "bloomberg"),
        ("WAVEMILL_PRICE_SOURCE", "Files"),
        ("WAVEMILL_BACKEND", "cuda"),
        ("WAVEMILL_BACKEND", " cpu"),
        ("WAVEMILL_SEED", "-1"),
        ("WAVEMILL_SEED", "1.5"),
        ("WAVEMILL_SEED", "1e3"),
        ("WAVEMILL_SEED", "seven"),
        ("WAVEMILL_SEED", " 7"),
        ("WAVEMILL_SEED", "1_000"),
        ("WAVEMILL_SEED", "\u0667"),
        ("WAVEMILL_SEED", str(2**63)),
        *(
            (f"WAVEMILL_ALERT_{name}", value)
            for name in ("P_VALUE", "RISK_REWARD")
            for value in ("-0.1", "nan", "inf", "1e999", " 1", "1_0", "0x1", "low", ".", "\u0661")
        ),
        ("WAVEMILL_ALERT_P_VALUE", "1.001"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({variable: value})
    assert caught.value.where == f"environment variable {variable}"
    assert caught.value.got == repr(value)
    assert variable in caught.value.mend


@pytest.mark.parametrize("seed", ["0", "7", str(2**63 - 1)])
def test_a_seed_is_a_whole_number(seed: str) -> None:
    assert read_settings({"WAVEMILL_SEED": seed}).seed == int(seed)


@pytest.mark.parametrize("value", ["0", "1", "0.05", "1e-3", "1.0"])
def test_a_threshold_is_a_plain_number(value: str) -> None:
    settings = read_settings({"WAVEMILL_ALERT_P_VALUE": value, "WAVEMILL_ALERT_RISK_REWARD": value})
    assert (settings.alert_p_value, settings.alert_risk_reward) == (float(value), float(value))


def test_the_address_of_the_alerts_is_checked_and_never_shown() -> None:
    settings = read_settings({"WAVEMILL_ALERT_URL": "https://example.com/s3cret"})
    assert settings.alert_url == "https://example.com/s3cret"
    assert "example" not in repr(settings)
    with pytest.raises(SettingsError, match="http to another machine") as caught:
        read_settings({"WAVEMILL_ALERT_URL": "http://example.com/s3cret"})
    assert "example" not in str(caught.value)


@pytest.mark.parametrize("value", ["x", ""])
def test_an_unknown_variable_of_ours_is_refused_with_the_known_ones(value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({"WAVEMILL_LAKES": value})
    assert "WAVEMILL_LAKES" in caught.value.where
    assert all(name in caught.value.expected for name in VARIABLES)


@pytest.mark.parametrize(
    ("source", "variable"), [("files", "WAVEMILL_PRICES_PATH"), ("yahoo", "WAVEMILL_CONSTITUENTS_PATH")]
)
def test_a_source_that_needs_a_path_says_which(source: str, variable: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({"WAVEMILL_PRICE_SOURCE": source})
    assert variable in caught.value.where
    assert variable in caught.value.mend
    assert read_settings({"WAVEMILL_PRICE_SOURCE": source, variable: "somewhere"}).price_source == source


def test_the_environment_of_the_process_is_read_at_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAVEMILL_SEED", "12345")
    assert read_settings().seed == 12345


def test_the_readme_lists_exactly_these_variables() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"WAVEMILL_[A-Z_]+", text)) == set(VARIABLES)


def test_no_other_file_of_the_project_reads_the_environment() -> None:
    readers = [
        path.relative_to(ROOT).as_posix()
        for layer in ("kernels", "resources", "assets", "jobs")
        for path in sorted((ROOT / layer).rglob("*.py"))
        if re.search(r"environ\b|getenv", path.read_text(encoding="utf-8"))
    ]
    # The first one sets a variable of torch's for a moment, the second reads and sets which GPUs CUDA shows.
    assert readers == ["resources/aoti_package.py", "resources/device_pool.py", "resources/settings.py"]


def test_a_wrong_variable_stops_dagster_with_the_same_words() -> None:
    environment = {**os.environ, "WAVEMILL_BACKEND": "cuda"}
    command = [sys.executable, "-c", "import definitions"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "SettingsError: environment variable WAVEMILL_BACKEND: expected one of auto, naive, cpu, gpu" in done.stderr
