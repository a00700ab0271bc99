"""Which candidate of a model may serve: one that beat GJR-FHS in a year that it hadn't seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.forecast.daily import daily_means
from kernels.forecast.diebold_mariano import diebold_mariano
from kernels.forecast.pinball import crps_of_quantiles
from kernels.forecast.skill import skill
from kernels.panel import Float64Array2D
from kernels.volatility import Forecasts

PROMOTED = ("ensemble", "har")
"""The candidates that may serve, best recipe first."""

SIGNIFICANT = 2.0
"""|t| of Diebold and Mariano above which a difference isn't taken for chance."""


@dataclass(frozen=True)
class Promotion:
    """How the candidates did against GJR-FHS.

    Attributes:
        serves: the candidate that may serve; None if none may.
        reason: why, in words.
        skill: by candidate, percent of CRPS below that of GJR-FHS at each horizon; NaN = unknown.
        t: by candidate, Diebold and Mariano's t at each horizon; below 0 = better; NaN = unknown.
    """

    serves: str | None
    reason: str
    skill: dict[str, tuple[float, ...]]
    t: dict[str, tuple[float, ...]]


def promote(
    candidates: Mapping[str, Forecasts],
    hurdle: Forecasts,
    outcomes: Float64Array2D,
    day: npt.NDArray[np.int32],
    horizons: Sequence[int],
    levels: Sequence[float],
) -> Promotion:
    """Choose the candidate that serves: the first of `PROMOTED` that beats GJR-FHS.

    It must be better by more than chance (t below -2) at one horizon at least, worse by more than chance at none, and
    better on average over the horizons. Both are judged by daily means of the CRPS at the origins that both know.

    Args:
        candidates: by name, of the same E origins.
        hurdle: GJR-FHS, of the same origins.
        outcomes: float64 [E, H], log returns; NaN = unknown.
        day: int32 [E], the session of each origin.
        horizons: H horizons in sessions, rising.
        levels: of the quantiles.
    """
    skills: dict[str, tuple[float, ...]] = {}
    ts: dict[str, tuple[float, ...]] = {}
    barrier = crps_of_quantiles(hurdle.quantiles, levels, outcomes)
    for name, forecasts in candidates.items():
        loss = crps_of_quantiles(forecasts.quantiles, levels, outcomes)
        known = np.isfinite(loss) & np.isfinite(barrier)
        pairs = [
            (loss[at, index], barrier[at, index], day[at]) for index, at in enumerate(np.ascontiguousarray(known.T))
        ]
        skills[name] = tuple(skill(own, theirs) for own, theirs, _ in pairs)
        ts[name] = tuple(
            diebold_mariano(daily_means(own, days)[1], daily_means(theirs, days)[1], horizon).t
            for (own, theirs, days), horizon in zip(pairs, horizons, strict=True)
        )
    told = []
    for name in (each for each in PROMOTED if each in candidates):
        judged = list(zip(horizons, skills[name], ts[name], strict=True))
        words = f"{name}: " + ", ".join(f"h = {h} {gain:+.2f} % (t {t:.1f})" for h, gain, t in judged)
        better = any(t < -SIGNIFICANT for _, _, t in judged)
        worse = any(t > SIGNIFICANT for _, _, t in judged)
        if better and not worse and np.nanmean(skills[name]) > 0.0:
            reason = f"CRPS below that of GJR-FHS in the held-out year; {words}"
            return Promotion(name, reason, skills, ts)
        told.append(words)
    reason = f"no candidate beat GJR-FHS in the held-out year by more than chance; {'; '.join(told)}"
    return Promotion(None, reason, skills, ts)
