"""Whether the better patterns reach their targets more often, as one picture."""

import io
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.errors import InvalidInputError
from kernels.outcomes import HORIZONS
from resources.outcome_rates import STATUSES, TENTHS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PATTERNS, RANDOM, SURROGATES = "#0072b2", "#8c8c8c", "#d55e00"
"""Colours of the patterns, of their random entries and of the surrogates; told apart by all (Okabe & Ito)."""
_INKS = (PATTERNS, RANDOM, SURROGATES, "#000000")

GROUPS = {"p_value": "p-value, tenths from 0 to 1", "score": "score, tenths of the patterns"}
WIDTH, ROW_HEIGHT, LEGEND_HEIGHT, DOTS_PER_INCH = 9.0, 2.3, 0.6, 100
SHADES = 8
"""Of each colour on its way to white, in the file, and of black: enough for smooth lines, and a third of the bytes."""


def outcome_plots(rates: pa.Table) -> bytes:
    """Draw the share that touches the target first against the tenth of the p-value and of the score.

    A row for each status and horizon: patterns and surrogates with their 95 % intervals, and the random entries that
    are matched with the patterns. Of all the years that the table knows of.

    Args:
        rates: `pattern_outcome_rates`.

    Returns:
        A PNG 900 pixels wide, below 75 kB. The same bytes for the same table and version of matplotlib.

    Raises:
        InvalidInputError: a table without rows.
    """
    from matplotlib.figure import Figure
    from PIL import Image

    rows = [row for row in rates.to_pylist() if row["through"] == "all" and row["measure"] == "target"]
    if not rows:
        raise InvalidInputError(
            "outcome_plots, rates",
            expected="at least one row of pattern_outcome_rates",
            got="none",
            mend="judge a year whose entries are decided",
        )
    panels = [(status, horizon) for status in STATUSES for horizon in HORIZONS]
    height = ROW_HEIGHT * len(panels) + LEGEND_HEIGHT
    figure = Figure(figsize=(WIDTH, height), dpi=DOTS_PER_INCH, facecolor="white", layout="constrained")
    axes = figure.subplots(len(panels), len(GROUPS), squeeze=False, sharey="row")
    for place, (status, horizon) in enumerate(panels):
        for column, by in enumerate(GROUPS):
            cells = {
                row["group"]: row for row in rows if (row["status"], row["horizon"], row["by"]) == (status, horizon, by)
            }
            _draw(axes[place, column], [cells.get(tenth, {}) for tenth in TENTHS])
            _label(axes[place, column], f"{status}, {horizon} sessions", GROUPS[by] if place + 1 == len(panels) else "")
        axes[place, 0].set_ylabel("target first, %", fontsize=9)
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    drawn, file = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png")
    palette = Image.new("P", (1, 1))
    palette.putpalette(_shades())
    picture = Image.open(drawn).convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE)
    picture.save(file, "png", optimize=True)
    return file.getvalue()


def reliability(cells: list[dict[str, float | None]], name: str) -> npt.NDArray[np.float64]:
    """Mean, low and high of one column of rates, in percent: float64 [3, groups], NaN where unknown.

    Args:
        cells: the row of each group; empty for one without.
        name: "patterns" or "surrogates"; or "random": the mean of the patterns less their difference, without bounds.
    """
    if name == "random":
        own, less = reliability(cells, "patterns")[0], reliability(cells, "difference")[0]
        return np.stack([own - less, *np.full((2, len(cells)), np.nan)])
    values = [[cell.get(f"{name}{bound}") for cell in cells] for bound in ("", "_low", "_high")]
    return 100.0 * np.array(values, dtype=np.float64)


def _shades() -> list[int]:
    """Red, green and blue of every shade of the colours."""
    colours = np.array([[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in _INKS], dtype=np.float64)
    way = np.linspace(0.0, 1.0, SHADES)[:, np.newaxis, np.newaxis]
    shades = np.rint(colours + (255.0 - colours) * way).astype(np.int64)
    return [int(value) for value in shades.ravel()]


def _draw(axes: "Axes", cells: list[dict[str, float | None]]) -> None:
    tenths = np.arange(1, len(TENTHS) + 1)
    axes.plot(tenths, reliability(cells, "random")[0], color=RANDOM, linewidth=1.4, label="matched random entries")
    for name, colour, shift in (("surrogates", SURROGATES, 0.12), ("patterns", PATTERNS, -0.12)):
        mean, low, high = reliability(cells, name)
        axes.plot(tenths + shift, mean, color=colour, marker="o", markersize=4, linestyle="none", label=name)
        axes.vlines(tenths + shift, np.maximum(low, 0.0), np.minimum(high, 100.0), color=colour, linewidth=1.2)


def _label(axes: "Axes", title: str, below: str) -> None:
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel(below, fontsize=9)
    axes.set_xticks(range(1, len(TENTHS) + 1))
    axes.set_xlim(0.5, len(TENTHS) + 0.5)
    axes.tick_params(labelsize=9)
    axes.grid(color="#e5e5e5", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
