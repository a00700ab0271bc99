"""How good quantiles are: their score against baselines, with intervals over sessions, and their coverage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.forecast.coverage import SAME_LEVEL, inside_interval
from kernels.forecast.daily import daily_means
from kernels.forecast.pinball import crps_of_quantiles
from kernels.panel import Float64Array1D, Float64Array2D

INTERVALS = (0.5, 0.8, 0.9)
"""Probabilities of the central intervals whose coverage is measured."""

RESAMPLES, INTERVAL_LEVEL = 1000, 0.95


@dataclass(frozen=True)
class Skill:
    """The score of one forecast over one baseline on some rows.

    Attributes:
        baseline: its name.
        skill: 1 - CRPS / CRPS of the baseline, each the mean over sessions of the mean over the session's rows.
        low, high: of the 95 % interval, by a stationary bootstrap over the sessions; NaN with fewer than two.
    """

    baseline: str
    skill: float
    low: float
    high: float


@dataclass(frozen=True)
class Verdict:
    """How a forecast did on some rows.

    Attributes:
        group: which rows.
        rows: with a known outcome.
        sessions: that they stand at.
        spans: sessions over the sessions that an outcome takes: at most so many outcomes don't overlap in time.
        crps: in log return.
        skills: over each baseline.
        coverage: share of the outcomes within the central intervals of `INTERVALS`, each session counting once; NaN
            where the bounds of an interval aren't among the levels.
    """

    group: str
    rows: int
    sessions: int
    spans: float
    crps: float
    skills: tuple[Skill, ...]
    coverage: tuple[float, ...]

    def as_json(self) -> dict[str, Any]:
        """The verdict as plain values, NaN as None."""
        return {
            "group": self.group,
            "rows": self.rows,
            "sessions": self.sessions,
            "spans": round(self.spans, 2),
            "crps": _plain(self.crps),
            "skill": {
                each.baseline: {"skill": _plain(each.skill), "low": _plain(each.low), "high": _plain(each.high)}
                for each in self.skills
            },
            "coverage": {str(each): _plain(got) for each, got in zip(INTERVALS, self.coverage, strict=True)},
        }


def judge(
    quantiles: Float64Array2D,
    baselines: Mapping[str, Float64Array2D],
    outcome: Float64Array1D,
    session: npt.NDArray[np.int32],
    groups: Mapping[str, npt.NDArray[np.bool_]],
    levels: Sequence[float],
    forward: int,
    *,
    seed: int = 0,
) -> list[Verdict]:
    """Judge a forecast against baselines on the same rows.

    The rows of a session see the same market, so a session counts once. Sessions nearer than `forward` share bars: the
    bootstrap resamples blocks of sessions that follow one another, `forward` long on average.

    Args:
        quantiles: float64 [N, Q], not falling along Q.
        baselines: by name, float64 [N, Q].
        outcome: float64 [N], log(1 + total return); NaN = unknown, left out.
        session: int32 [N], of each row's decision.
        groups: by name, which rows to judge; bool [N]. A group without a known row is left out.
        levels: Q.
        forward: sessions that an outcome takes, at least 1.
        seed: of the bootstrap.

    Returns:
        A verdict for each group, in their order. The order of the rows changes no bit.

    Raises:
        InvalidInputError: a wrong shape, dtype, level or order, or an infinite value.
    """
    if forward < 1 or any(len(mask) != len(outcome) for mask in groups.values()):
        raise InvalidInputError(
            "judge, forward and groups",
            expected=f"forward from 1, and masks of {len(outcome)} rows",
            got=f"{forward}, and masks of {sorted({len(mask) for mask in groups.values()})}",
            mend="pass the forward of the dataset, and one truth value for each row",
        )
    column = outcome[:, np.newaxis]
    losses = {
        name: crps_of_quantiles(np.ascontiguousarray(each)[:, np.newaxis], levels, column)[:, 0]
        for name, each in {"": quantiles, **baselines}.items()
    }
    inside = [_inside(quantiles, levels, column, each) for each in INTERVALS]
    known = ~np.isnan(outcome)
    verdicts = []
    for group, chosen in groups.items():
        mask = chosen & known
        if not mask.any():
            continue
        sessions = np.unique(session[mask])
        by_session = {name: daily_means(each[mask], session[mask])[1] for name, each in losses.items()}
        skills = _skills(by_session, forward, seed)
        coverage = tuple(float(np.mean(daily_means(each[mask], session[mask])[1])) for each in inside)
        crps = float(np.mean(by_session[""]))
        spans = len(sessions) / forward
        verdicts.append(Verdict(group, int(mask.sum()), len(sessions), spans, crps, skills, coverage))
    return verdicts


def _inside(
    quantiles: Float64Array2D, levels: Sequence[float], column: Float64Array2D, interval: float
) -> Float64Array1D:
    """Whether each outcome lies inside an interval, 1 or 0; NaN where it isn't known."""
    bounds = ((1.0 - interval) / 2.0, (1.0 + interval) / 2.0)
    if not all(np.isclose(levels, bound, rtol=0.0, atol=SAME_LEVEL).any() for bound in bounds):
        return np.full(len(column), np.nan)
    return inside_interval(quantiles[:, np.newaxis], levels, column, interval)[:, 0]


def _skills(by_session: Mapping[str, Float64Array1D], forward: int, seed: int) -> tuple[Skill, ...]:
    own = by_session[""]
    drawn = block_resamples(len(own), forward, seed)
    means = own[drawn].mean(axis=1)
    skills = []
    for name, other in by_session.items():
        if not name:
            continue
        low = high = np.nan
        if len(own) > 1:
            tail = 0.5 * (1.0 - INTERVAL_LEVEL)
            low, high = np.quantile(1.0 - means / other[drawn].mean(axis=1), [tail, 1.0 - tail])
        skills.append(Skill(name, float(1.0 - own.mean() / other.mean()), float(low), float(high)))
    return tuple(skills)


def block_resamples(count: int, block: int, seed: int) -> npt.NDArray[np.int64]:
    """Places of `count` sessions, int64 [RESAMPLES, count]: the stationary bootstrap of Politis & Romano (1994).

    Blocks follow one another and wrap around; their lengths are geometric with the mean `block`.
    """
    words = np.random.Philox(key=np.array([seed, block], dtype=np.uint64)).random_raw(2 * RESAMPLES * count)
    uniform = (words >> np.uint64(11)).astype(np.float64) * 2.0**-53
    begins, where = uniform.reshape(2, RESAMPLES, count)
    begin = begins < 1.0 / block
    begin[:, 0] = True
    start = (where * count).astype(np.int64)
    place = np.arange(count)
    since = np.maximum.accumulate(np.where(begin, place, 0), axis=1)
    return np.asarray((np.take_along_axis(start, since, axis=1) + place - since) % count, dtype=np.int64)


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 6)
