"""Price sources: where bars come from, behind one protocol. Importing this package imports no yfinance."""

from pathlib import Path

from kernels.errors import SettingsError
from resources.price_sources.base import BAR_COLUMNS, UNIVERSE_COLUMNS, Fetch, FetchReport, PriceSource
from resources.price_sources.files import FilePrices
from resources.price_sources.simulated import DEFAULT_SEED, SimulatedPrices
from resources.price_sources.yahoo import YahooPrices

__all__ = [
    "BAR_COLUMNS",
    "DEFAULT_SEED",
    "PRICE_SOURCES",
    "UNIVERSE_COLUMNS",
    "Fetch",
    "FetchReport",
    "FilePrices",
    "PriceSource",
    "SimulatedPrices",
    "YahooPrices",
    "open_price_source",
]

PRICE_SOURCES = ("simulated", "files", "yahoo")


def open_price_source(
    name: str,
    *,
    prices_path: str | Path | None = None,
    constituents_path: str | Path | None = None,
    seed: int = DEFAULT_SEED,
) -> PriceSource:
    """Make the price source of a name. It does no work yet; the first use does.

    Args:
        name: "simulated", "files" or "yahoo".
        prices_path: for "files": a Parquet or CSV file, or a folder of them.
        constituents_path: for "files": the list of constituents, if it isn't beside the prices; for "yahoo": required.
        seed: for "simulated": the market.

    Raises:
        SettingsError: an unknown name, or a path that the source needs and that isn't given.
    """
    if name == "simulated":
        return SimulatedPrices(seed)
    if name == "files":
        if not prices_path:
            raise _missing("WAVEMILL_PRICES_PATH", name, "a Parquet or CSV file with prices, or a folder of them")
        return FilePrices(Path(prices_path), Path(constituents_path) if constituents_path else None)
    if name == "yahoo":
        if not constituents_path:
            raise _missing("WAVEMILL_CONSTITUENTS_PATH", name, "a CSV file with the columns symbol, name, sector")
        return YahooPrices(Path(constituents_path))
    raise SettingsError(
        "WAVEMILL_PRICE_SOURCE",
        expected=f"one of {', '.join(PRICE_SOURCES)}",
        got=repr(name),
        mend="set WAVEMILL_PRICE_SOURCE to one of these",
    )


def _missing(variable: str, name: str, expected: str) -> SettingsError:
    return SettingsError(
        variable, expected=expected, got="nothing", mend=f"set {variable}; the price source {name} needs it"
    )
