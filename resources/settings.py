"""Every `WAVEMILL_*` environment variable, read in one place. The README lists the same ones; a test compares."""

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from kernels.device import Backend
from kernels.errors import SettingsError
from resources.price_sources import DEFAULT_SEED, PRICE_SOURCES
from resources.webhook import require_webhook_url

PROJECT_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """What the environment asks for.

    Attributes:
        price_source: "simulated", "files" or "yahoo" (`WAVEMILL_PRICE_SOURCE`).
        prices_path: file or folder of the `files` source (`WAVEMILL_PRICES_PATH`); None if unset.
        constituents_path: CSV of symbol, name, sector (`WAVEMILL_CONSTITUENTS_PATH`); None if unset.
        lake: folder or fsspec URL of the lake (`WAVEMILL_LAKE`); `data/lake-<price source>` in the project if unset.
        seed: seed of the simulated market (`WAVEMILL_SEED`), 0 to 2**63 - 1.
        backend: "auto", "naive", "cpu" or "gpu" (`WAVEMILL_BACKEND`).
        compiled: local folder of compiled networks (`WAVEMILL_COMPILED`); `data/compiled` in the project if unset.
        alert_url: where alerts are sent (`WAVEMILL_ALERT_URL`); None if unset. A secret: it is in no `repr`.
        alert_p_value: largest p-value of a setup that is sent, 0 to 1 (`WAVEMILL_ALERT_P_VALUE`).
        alert_risk_reward: smallest gain over risk of it, 0 or more (`WAVEMILL_ALERT_RISK_REWARD`).
    """

    price_source: str = "simulated"
    prices_path: str | None = None
    constituents_path: str | None = None
    lake: str = field(default="")
    seed: int = DEFAULT_SEED
    backend: str = "auto"
    compiled: str = ""
    alert_url: str | None = field(default=None, repr=False)
    alert_p_value: float = 0.001
    alert_risk_reward: float = 1.0


VARIABLES = {
    "WAVEMILL_PRICE_SOURCE": "price_source",
    "WAVEMILL_PRICES_PATH": "prices_path",
    "WAVEMILL_CONSTITUENTS_PATH": "constituents_path",
    "WAVEMILL_LAKE": "lake",
    "WAVEMILL_SEED": "seed",
    "WAVEMILL_BACKEND": "backend",
    "WAVEMILL_COMPILED": "compiled",
    "WAVEMILL_ALERT_URL": "alert_url",
    "WAVEMILL_ALERT_P_VALUE": "alert_p_value",
    "WAVEMILL_ALERT_RISK_REWARD": "alert_risk_reward",
}


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings; an unset or empty variable means the default.

    Raises:
        SettingsError: an unknown `WAVEMILL_*` variable, or a value that makes no sense.
    """
    unknown = sorted(name for name in environment if name.startswith("WAVEMILL_") and name not in VARIABLES)
    if unknown:
        raise SettingsError(
            f"environment variable {unknown[0]}",
            expected=f"one of {', '.join(VARIABLES)}",
            got=unknown[0],
            mend=f"unset {unknown[0]}, or correct its name",
        )
    given = {key: environment[name] for name, key in VARIABLES.items() if environment.get(name)}
    source = given.get("price_source", Settings.price_source)
    _one_of("WAVEMILL_PRICE_SOURCE", source, PRICE_SOURCES)
    _one_of("WAVEMILL_BACKEND", given.get("backend", Settings.backend), get_args(Backend))
    if source == "files" and "prices_path" not in given:
        raise SettingsError(
            "environment variable WAVEMILL_PRICES_PATH",
            expected="the Parquet or CSV file, or the folder, that the price source `files` reads",
            got="nothing",
            mend="set WAVEMILL_PRICES_PATH=<file or folder>",
        )
    if source == "yahoo" and "constituents_path" not in given:
        raise SettingsError(
            "environment variable WAVEMILL_CONSTITUENTS_PATH",
            expected="a CSV with the columns symbol, name, sector: Yahoo doesn't say who is in the index",
            got="nothing",
            mend="set WAVEMILL_CONSTITUENTS_PATH=<file>",
        )
    if "alert_url" in given:
        require_webhook_url(given["alert_url"])
    return Settings(
        price_source=source,
        prices_path=given.get("prices_path"),
        constituents_path=given.get("constituents_path"),
        lake=given.get("lake") or str(PROJECT_ROOT / "data" / f"lake-{source}"),
        seed=_seed(given.get("seed")),
        backend=given.get("backend", Settings.backend),
        compiled=given.get("compiled") or str(PROJECT_ROOT / "data" / "compiled"),
        alert_url=given.get("alert_url"),
        alert_p_value=_number("WAVEMILL_ALERT_P_VALUE", given, Settings.alert_p_value, 1.0),
        alert_risk_reward=_number("WAVEMILL_ALERT_RISK_REWARD", given, Settings.alert_risk_reward, math.inf),
    )


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise SettingsError(
            f"environment variable {name}",
            expected=f"one of {', '.join(allowed)}",
            got=repr(value),
            mend=f"set {name} to one of these, or unset it for the default",
        )


def _seed(text: str | None) -> int:
    if text is None:
        return DEFAULT_SEED
    if not text.isascii() or not text.isdigit() or int(text) >= 2**63:
        raise SettingsError(
            "environment variable WAVEMILL_SEED",
            expected="a whole number from 0 to 2**63 - 1",
            got=repr(text),
            mend="set WAVEMILL_SEED=7, say, or unset it",
        )
    return int(text)


def _number(name: str, given: Mapping[str, str], default: float, high: float) -> float:
    text = given.get(VARIABLES[name])
    if text is None:
        return default
    # Only what a person would write: float() takes "nan", " 1" and "1_000" too.
    plain = re.fullmatch(r"[0-9]+(\.[0-9]+)?(e-?[0-9]+)?", text, flags=re.ASCII)
    number = float(text) if plain else math.nan
    if not (0.0 <= number <= high and math.isfinite(number)):
        raise SettingsError(
            f"environment variable {name}",
            expected="a number from 0 to 1" if high == 1.0 else "a number, 0 or more",
            got=repr(text),
            mend=f"set {name}={default}, say, or unset it",
        )
    return number
