"""The real adapter over the real yfinance, with a local server in the place of Yahoo's charts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import date, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from resources.calendar import EXCHANGE_TIME_ZONE, sessions
from resources.price_sources import YahooPrices

FIRST, LAST = date(2018, 1, 29), date(2018, 2, 7)


class Chart(BaseHTTPRequestHandler):
    """Answers like Yahoo's chart service: rows of MSFT with a dividend, a split and a null; no history of others."""

    def do_GET(self) -> None:
        known = "/chart/MSFT" in self.path or "period1" not in self.path
        body = json.dumps({"chart": self.answer() if known else self.refusal()}).encode()
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self) -> dict[str, object]:
        days = sessions(FIRST, LAST).tolist()
        opens = [int(datetime(d.year, d.month, d.day, 9, 30, tzinfo=EXCHANGE_TIME_ZONE).timestamp()) for d in days]
        closes = [50.0, 51.0, None, 53.0, 54.0, 55.0, 56.0, 57.0]
        quote = dict.fromkeys(("open", "high", "low", "close"), closes)
        volumes = [None if close is None else 800 for close in closes]
        meta = {"instrumentType": "EQUITY", "exchangeTimezoneName": "America/New_York", "currency": "USD"}
        events = {
            "dividends": {str(opens[1]): {"date": opens[1], "amount": 0.5}},
            "splits": {
                str(opens[5]): {"date": opens[5], "numerator": 2.0, "denominator": 1.0, "splitRatio": "2:1"},
            },
        }
        indicators = {"quote": [{**quote, "volume": volumes}], "adjclose": [{"adjclose": closes}]}
        result = {"meta": meta, "timestamp": opens, "events": events, "indicators": indicators}
        return {"result": [result], "error": None}

    def refusal(self) -> dict[str, object]:
        return {"result": None, "error": {"code": "Not Found", "description": "No data found, symbol may be delisted"}}

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def yahoo_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """yfinance without a way to the network, and with a local server where it expects Yahoo's charts."""
    yfinance = pytest.importorskip("yfinance", reason="the extra `yahoo` isn't installed")
    server = HTTPServer(("127.0.0.1", 0), Chart)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yfinance.set_tz_cache_location(str(tmp_path / "cache"))
    before = yfinance.config.network.proxy
    yfinance.config.network.proxy = {"https": "http://127.0.0.1:9"}
    for module in (yfinance.base, yfinance.scrapers.history):
        monkeypatch.setattr(module, "_BASE_URL_", f"http://127.0.0.1:{server.server_port}")
    yield
    yfinance.config.network.proxy = before
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def source(tmp_path: Path) -> YahooPrices:
    return YahooPrices(tmp_path / "constituents.csv", attempts=1, requests_per_second=1e6, newest=lambda: LAST)


# yfinance 1.7 uses what pandas 3.1 deprecates.
@pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")
@pytest.mark.usefixtures("yahoo_here")
def test_the_real_adapter_delivers_as_traded_bars_and_names_an_unknown_symbol(
    source: YahooPrices,
) -> None:
    fetch = source.fetch(["MSFT", "NOSUCH"], FIRST, LAST)
    bars = fetch.bars.set_index("session")
    assert bars["close"].tolist() == [100.0, 102.0, 106.0, 108.0, 55.0, 56.0, 57.0]
    assert bars["volume"].tolist() == [400.0] * 4 + [800.0] * 3
    assert bars["split_ratio"].tolist() == [1.0] * 4 + [2.0, 1.0, 1.0]
    assert bars["dividend"].tolist() == [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert "2018-01-31" in fetch.report.notes["MSFT"]
    assert fetch.report.ok == ("MSFT",)
    assert list(fetch.report.failed) == ["NOSUCH"]
    assert "No data found, symbol may be delisted" in fetch.report.failed["NOSUCH"]


@pytest.mark.usefixtures("yahoo_here")
def test_the_real_adapter_without_network_fails_every_symbol_with_its_reason(
    source: YahooPrices, monkeypatch: pytest.MonkeyPatch
) -> None:
    import yfinance

    for module in (yfinance.base, yfinance.scrapers.history):
        monkeypatch.setattr(module, "_BASE_URL_", "https://127.0.0.1:9")
    fetch = source.fetch(["MSFT", "BRK.B"], FIRST, LAST)
    assert sorted(fetch.report.failed) == ["BRK.B", "MSFT"]
    assert all("connect" in reason for reason in fetch.report.failed.values())
    assert len(fetch.bars) == 0
    assert yfinance.config.debug.hide_exceptions
