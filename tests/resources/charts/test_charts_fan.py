"""The fan chart: the closes, and a fan that begins at the last of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from kernels.errors import InvalidInputError
from kernels.panel import PricePanel
from resources.charts import fan_chart, fan_chart_of
from resources.charts.fan_chart import HISTORY
from resources.forecast_contracts import FORECASTS
from tests.resources.charts.drawn import assert_apart, assert_inside, having, path_points, read, texts, words_in
from tests.resources.charts.samples import days, fan, walk


def test_the_fan_opens_from_the_last_close_to_the_quantiles():
    chart = fan()
    root = read(fan_chart(chart))
    [closes], [median], [wide] = (having(root, name) for name in ("closes", "median", "central-90"))
    now = path_points(closes.get("d"))[-1]
    line = path_points(median.get("d"))
    assert line[0] == pytest.approx(now, abs=0.11)
    # The median is flat, and horizons lie as far apart as sessions.
    assert [y for _, y in line] == pytest.approx([now[1]] * 7, abs=0.11)
    ahead = np.array([x - now[0] for place, (x, _) in enumerate(line) if place != 1])
    assert ahead == pytest.approx(ahead[-1] * np.array([0, 1, 2, 5, 10, 21]) / 21, abs=0.11)
    band = path_points(wide.get("d"))
    upper, lower = band[2:7], band[7:12][::-1]
    for (x, top), (same, bottom) in zip(upper, lower, strict=True):
        assert x == pytest.approx(same, abs=0.11)
        # Symmetric log returns are symmetric pixels on a logarithmic scale.
        assert now[1] - top == pytest.approx(bottom - now[1], abs=0.21)


def test_only_the_last_quarter_is_drawn():
    [closes] = having(read(fan_chart(fan(300))), "closes")
    assert len(path_points(closes.get("d"))) == HISTORY + 1


def test_the_last_horizon_is_named_in_dollars_and_percent():
    chart = fan()
    [labels] = having(read(fan_chart(chart)), "quantiles")
    prices = chart.close[-1] * np.exp(chart.quantiles[-1])
    assert words_in(labels)[::2] == [f"${price:,.2f}" for price in prices]
    assert words_in(labels)[1] == f"\u2212{100.0 * (1.0 - np.exp(chart.quantiles[-1, 0])):.1f} %"
    assert words_in(labels)[5] == "0.0 %"
    [horizons] = having(read(fan_chart(chart)), "horizons")
    assert words_in(horizons) == ["+21", "+10", "+5", "+2"]


@pytest.mark.parametrize("width", [320, 380, 760, 1400])
def test_close_quantiles_are_written_apart(width):
    chart = fan()
    svg = fan_chart(dataclasses.replace(chart, quantiles=chart.quantiles / 1000.0), width=width)
    assert_apart(svg)
    assert_inside(svg)


def test_horizons_without_a_forecast_are_left_out():
    chart = fan()
    quantiles = chart.quantiles.copy()
    quantiles[2, 1] = np.nan
    svg = fan_chart(dataclasses.replace(chart, quantiles=quantiles))
    assert len(path_points(having(read(svg), "median")[0].get("d"))) == 6


@pytest.mark.parametrize("missing", ["quantiles", "close", "negative"])
def test_without_a_forecast_there_are_only_closes(missing):
    chart = fan()
    if missing == "quantiles":
        chart = dataclasses.replace(chart, quantiles=np.full_like(chart.quantiles, np.nan))
    else:
        close = chart.close.copy()
        close[-1] = np.nan if missing == "close" else -1.0
        chart = dataclasses.replace(chart, close=close)
    svg = fan_chart(chart)
    assert_inside(svg)
    root = read(svg)
    assert not having(root, "fan")
    assert "no forecast" in " ".join(words.words for words in texts(root))


def test_one_close_and_a_flat_forecast_are_drawn():
    chart = fan(1)
    assert_inside(fan_chart(chart))
    assert_inside(fan_chart(dataclasses.replace(chart, quantiles=np.zeros_like(chart.quantiles))))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"close": np.ones(3)}, "FanChart.close"),
        ({"horizons": np.array([1, 2, 5, 10, 10], np.int32)}, "FanChart.horizons"),
        ({"horizons": np.array([0, 2, 5, 10, 21], np.int32)}, "FanChart.horizons"),
        ({"horizons": np.arange(1, 6)}, "FanChart.horizons"),
        ({"quantiles": np.zeros((4, 5))}, "FanChart.quantiles"),
        ({"quantiles": np.zeros((5, 5)).T.reshape(25)}, "FanChart.quantiles"),
        ({"quantiles": np.full((5, 5), 50.0)}, "FanChart.quantiles"),
    ],
)
def test_wrong_shapes_are_refused(changes, words):
    with pytest.raises(InvalidInputError, match=words):
        dataclasses.replace(fan(), **changes)


def forecasts(symbols: tuple[str, ...]) -> pa.Table:
    rows = []
    for place, symbol in enumerate(symbols):
        for horizon in (21, 1, 5):
            row = dict.fromkeys(FORECASTS.schema.names)
            row |= {name: 0.01 * (place + 1) * horizon for name in row if name.startswith("q")}
            row |= {"symbol": symbol, "horizon": horizon, "model": "gjr-fhs", "status": "ok", "residuals": 500}
            row |= {"session": days(70)[-1].astype(object)}
            rows.append(row)
    return pa.Table.from_pylist(rows, schema=FORECASTS.schema)


def test_rows_of_forecasts_give_the_fan_of_one_symbol():
    close = np.stack([walk(70, 1), walk(70, 2)])
    panel = PricePanel(("A", "B"), days(70), close, close, close, close, close)
    chart = fan_chart_of(forecasts(("A", "B")), "B", panel, name="Bee")
    assert chart.horizons.tolist() == [1, 5, 21]
    assert chart.quantiles == pytest.approx(0.02 * np.array([[1.0], [5.0], [21.0]]) * np.ones((1, 5)))
    assert (chart.close == close[1, -HISTORY:]).all()
    assert (chart.symbol, chart.name, chart.facts) == ("B", "Bee", ("forecast of gjr-fhs",))
    assert fan_chart_of(forecasts(("A", "B")).to_pylist(), "B", panel).horizons.tolist() == [1, 5, 21]
    assert_inside(fan_chart(chart))


def test_null_quantiles_are_no_forecast_and_an_unknown_symbol_is_refused():
    close = walk(70)[None]
    panel = PricePanel(("A",), days(70), close, close, close, close, close)
    rows = [row | {"q050": None} for row in forecasts(("A",)).to_pylist()]
    assert not having(read(fan_chart(fan_chart_of(rows, "A", panel))), "fan")
    with pytest.raises(InvalidInputError, match="fan_chart_of, symbol"):
        fan_chart_of(rows, "B", panel)
