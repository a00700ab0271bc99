"""The charts of a profile, as `resources.charts` draws them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from resources.charts import Points, ReliabilityChart, reliability_chart
from resources.gpu_profile.transfers import ON_DEVICE

WIDTH, HEIGHT = 760, 320


def profile_charts(profile: Mapping[str, Any]) -> list[str]:
    """Draw rates against sizes: one chart of the transfers, one of the kernels, one of the networks.

    Args:
        profile: as `profile` made it.

    Returns:
        SVGs for a page; none where nothing was measured.
    """
    # Within the device bytes move a hundred times as fast: beside that nothing else could be told apart.
    moved = [row for row in _measured(profile["transfers"]) if row["moved"] and row["method"] != ON_DEVICE]
    done = _measured(profile["throughput"])
    on_gpu = {row["case"] for row in done if row["backend"] == "gpu"}
    most = max((row["threads"] for row in done), default=0)
    # The GPU where there is one; there are no more colours than kernels.
    shown = [
        row | {"relative": row["per_second"] / _best(done, row)}
        for row in done
        if row["threads"] == most and row["backend"] == ("gpu" if row["case"] in on_gpu else "cpu")
    ]
    device = (f"measured on {profile['device']}",)
    charts = []
    if moved:
        drawn = _series(moved, "method", "bytes", "gigabytes_per_second")
        size, rate = "size, as a power of 2 bytes", "gigabytes a second"
        charts.append(ReliabilityChart("Transfers by size", size, rate, drawn, 0.0, device))
    for title, of_networks in (("Kernels by batch size", False), ("Networks by batch size", True)):
        rows = [row for row in shown if (row["unit"] == "rows") == of_networks]
        if rows:
            drawn = _series(rows, "case", "batch", "relative")
            charts.append(
                ReliabilityChart(title, "batch, as a power of 2", "share of the best rate", drawn, 1.0, device)
            )
    return [reliability_chart(chart, width=WIDTH, height=HEIGHT) for chart in charts]


def _measured(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["state"] == "measured"]


def _best(rows: list[dict[str, Any]], like: dict[str, Any]) -> float:
    own = [row["per_second"] for row in rows if (row["case"], row["backend"]) == (like["case"], like["backend"])]
    return float(max(own))


def _series(rows: list[dict[str, Any]], name: str, x: str, y: str) -> tuple[Points, ...]:
    """The rows of each name, by rising x; x as a power of 2."""
    made = []
    for each in dict.fromkeys(str(row[name]) for row in rows):
        own = sorted((row for row in rows if row[name] == each), key=lambda row: float(row[x]))
        across = np.log2(np.array([row[x] for row in own], dtype=np.float64))
        made.append(Points(each, across, np.array([row[y] for row in own], dtype=np.float64)))
    return tuple(made)
