"""Calibration, and skill over time, as one picture."""

import io
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kernels.errors import InvalidInputError
from kernels.volatility import DEFAULT_LEVELS
from resources.skill_tables import shown_baseline

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROLLING_SESSIONS = 63
"""Sessions that the skill over time is taken over: a quarter."""

COLOURS = ("#8c8c8c", "#56b4e9", "#e69f00", "#cc79a7", "#000000", "#009e73", "#0072b2", "#d55e00")
"""Of the models, in their order, then again with dashes. Told apart by people who don't see all colours (Okabe & Ito),
quiet ones first: the naive baselines come first."""

WIDTH, ROW_HEIGHT, LEGEND_HEIGHT, DOTS_PER_INCH = 9.0, 2.7, 0.9, 100
SHADES = 8
"""Of each colour on its way to white, in the file: enough for smooth lines, and a third of the bytes."""


def skill_plots(scores: pa.Table) -> bytes:
    """Draw how well each model is calibrated, and its skill over time, at the shortest, middle and longest horizon.

    On the left: the share of the outcomes up to each quantile less its level, 0 for a calibrated model. On the right:
    CRPS skill over GJR-FHS, or over EWMA-FHS where that is missing, of the last `ROLLING_SESSIONS` sessions of both.

    Args:
        scores: `forecast_scores` of one year, or of several one after the other.

    Returns:
        A PNG 900 pixels wide, below 100 kB for ten models over ten years. The same bytes for the same table and
        version of matplotlib.

    Raises:
        InvalidInputError: a table without rows.
    """
    from matplotlib.figure import Figure
    from PIL import Image

    if not scores.num_rows:
        raise InvalidInputError(
            "skill_plots, scores",
            expected="at least one row of forecast_scores",
            got="none",
            mend="score forecasts whose outcomes are known",
        )
    every = sorted(set(scores["horizon"].to_pylist()))
    horizons = sorted({every[0], every[len(every) // 2], every[-1]})
    models = list(dict.fromkeys(scores["model"].to_pylist()))
    height = ROW_HEIGHT * len(horizons) + LEGEND_HEIGHT
    figure = Figure(figsize=(WIDTH, height), dpi=DOTS_PER_INCH, facecolor="white", layout="constrained")
    axes = figure.subplots(len(horizons), 2, squeeze=False)
    baseline = shown_baseline(set(models))
    sessions = np.unique(scores["session"].to_numpy())
    dates = sessions[np.linspace(0, len(sessions) - 1, min(4, len(sessions))).astype(int)]
    for place, horizon in enumerate(horizons):
        at = scores.filter(pc.equal(scores["horizon"], horizon))
        parts = {name: at.filter(pc.equal(at["model"], name)) for name in models}
        for name, part in parts.items():
            style = {"color": COLOURS[models.index(name) % len(COLOURS)], "linewidth": 1.2, "label": name}
            style["linestyle"] = "-" if models.index(name) < len(COLOURS) else "--"
            axes[place, 0].plot(DEFAULT_LEVELS, calibration(part), marker=".", markersize=4, **style)
            if name != baseline:
                axes[place, 1].plot(*rolling_skill(part, parts.get(baseline)), **style)
        ahead = f"{horizon} session{'s' if horizon > 1 else ''}"
        _label(axes[place, 0], f"{ahead}: share up to the quantile less its level", "percentage points")
        axes[place, 0].set_xlabel("level", fontsize=9)
        _label(axes[place, 1], f"{ahead}: CRPS skill over {baseline}, {ROLLING_SESSIONS} sessions", "%")
        axes[place, 1].set_xticks(dates, dates.astype(str))
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False, fontsize=9
    )
    drawn, file = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png")
    palette = Image.new("P", (1, 1))
    palette.putpalette(_shades())
    picture = Image.open(drawn).convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE)
    picture.save(file, "png", optimize=True)
    return file.getvalue()


def _shades() -> list[int]:
    """Red, green and blue of every shade of `COLOURS`, from the colour itself to white."""
    colours = np.array([[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in COLOURS])
    shares = np.linspace(0.0, 1.0, SHADES)[:, np.newaxis]
    shades = np.concatenate([colour * (1.0 - shares) + 255.0 * shares for colour in colours])
    return [round(value) for value in shades.ravel().tolist()]


def calibration(rows: pa.Table) -> npt.NDArray[np.float64]:
    """The share of the outcomes up to each quantile less its level, in percentage points; NaN without rows.

    Args:
        rows: of `forecast_scores`, of one model and horizon.
    """
    counts = np.zeros(len(DEFAULT_LEVELS) + 1)
    if rows.num_rows:
        counts = pc.list_flatten(rows["pit"]).to_numpy().reshape(rows.num_rows, -1).sum(axis=0)
    with np.errstate(invalid="ignore"):
        below: npt.NDArray[np.float64] = np.cumsum(counts)[:-1] / counts.sum()
    return 100.0 * (below - DEFAULT_LEVELS)


def rolling_skill(
    rows: pa.Table, baseline: pa.Table | None
) -> tuple[npt.NDArray[np.datetime64], npt.NDArray[np.float64]]:
    """The CRPS skill over the baseline, in percent, of each `ROLLING_SESSIONS` sessions that both have.

    Args:
        rows: of `forecast_scores`, of one model and horizon, by session.
        baseline: the same of the baseline; None = there is none.

    Returns:
        The last session of each window and the skill over it; nothing with too few sessions or no baseline.
    """
    sessions, losses = _losses(rows)
    other_sessions, other_losses = _losses(rows if baseline is None else baseline)
    both, own, other = np.intersect1d(sessions, other_sessions, assume_unique=True, return_indices=True)
    if baseline is None or len(both) < ROLLING_SESSIONS:
        return both[:0], np.empty(0)
    windows = np.lib.stride_tricks.sliding_window_view(
        np.stack([losses[own], other_losses[other]]), ROLLING_SESSIONS, axis=1
    )
    sums = windows.sum(axis=2)
    return both[ROLLING_SESSIONS - 1 :], 100.0 * (1.0 - sums[0] / sums[1])


def _losses(rows: pa.Table) -> tuple[npt.NDArray[np.datetime64], npt.NDArray[np.float64]]:
    """The sessions, and the sum of the CRPS over the origins of each."""
    return rows["session"].to_numpy(), rows["crps"].to_numpy() * rows["origins"].to_numpy()


def _label(axes: "Axes", title: str, unit: str) -> None:
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_ylabel(unit, fontsize=9)
    axes.tick_params(labelsize=9)
    axes.axhline(0.0, color="#999999", linewidth=0.8, zorder=0)
    axes.grid(color="#e5e5e5", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
