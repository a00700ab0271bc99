"""How policies did beside each other: the equal-weight sum of their accounts, with intervals by session."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.device import Backend
from kernels.errors import InvalidInputError
from kernels.metrics import bootstrap_intervals, deflated_sharpe, exposure, measure_equity, turnover_252
from kernels.metrics.intervals import MIN_RETURNS
from kernels.metrics.model import EquityMetrics
from kernels.metrics.resampling_cpu import drawn_sessions
from kernels.panel import Float64Array1D, Float64Array2D
from kernels.policies.model import Walked
from kernels.trading.model import SESSIONS_PER_YEAR

KINDS = ("greedy", "buy_and_hold", "random", "flat")

ALL_OFFSETS = -1
"""Instead of a start offset: the money divided equally among the walks from every offset."""

COMPARED = ("total_return", "sharpe_252")
"""Metrics with intervals, and whose difference to buy-and-hold has one."""


@dataclass(frozen=True)
class Played:
    """The walks of one policy.

    Attributes:
        name: unique.
        kind: one of `KINDS`.
        walks: by start offset, over the same accounts and sessions. A policy that knows no offsets has one, offset 0.
    """

    name: str
    kind: str
    walks: Mapping[int, Walked]


@dataclass(frozen=True)
class Comparison:
    """One policy over one group of accounts, from one offset or all. NaN = unknown; shares, not percent.

    Metrics are those of kernels/metrics over the equity of all accounts together, each with equal money at the first
    session; nothing is put back to equal weights later.

    Attributes:
        group, policy, kind: names.
        offset: the start offset, or `ALL_OFFSETS`.
        accounts: in the group.
        total_return, total_return_low, total_return_high: with the bounds of its bootstrap interval.
        cagr, sharpe_252, sharpe_low, sharpe_high, sortino_252, max_drawdown: likewise.
        turnover_252: value traded per 252 sessions over mean equity.
        exposure: share of the sessions in which an account held something, the mean of the accounts.
        costs: all costs, as a share of the equity at the first session.
        return_ahead, return_ahead_low, return_ahead_high: total return minus that of buy-and-hold over the same
            accounts; the interval draws the same sessions for both.
        sharpe_ahead, sharpe_ahead_low, sharpe_ahead_high: likewise of the Sharpe ratio.
        above_random: share of the random policies with a lower total return.
        trials: policies and settings that were tried, of greedy ones; 0 for others.
        deflated_sharpe: probability that the true Sharpe ratio is above 0, if this was the best of `trials`.
    """

    group: str
    policy: str
    kind: str
    offset: int
    accounts: int
    total_return: float
    total_return_low: float
    total_return_high: float
    cagr: float
    sharpe_252: float
    sharpe_low: float
    sharpe_high: float
    sortino_252: float
    max_drawdown: float
    turnover_252: float
    exposure: float
    costs: float
    return_ahead: float
    return_ahead_low: float
    return_ahead_high: float
    sharpe_ahead: float
    sharpe_ahead_low: float
    sharpe_ahead_high: float
    above_random: float
    trials: int
    deflated_sharpe: float


def compare(
    played: Sequence[Played],
    groups: Mapping[str, npt.NDArray[np.bool_]],
    *,
    trials: int,
    seed: int,
    interval_level: float = 0.95,
    resamples: int = 1000,
    backend: Backend = "auto",
) -> list[Comparison]:
    """Compare policies that were walked over the same accounts and sessions.

    Args:
        played: the policies; exactly one is of the kind "buy_and_hold".
        groups: bool [P] by name, which accounts belong to it; an empty group is left out.
        trials: how many policies and settings were really tried, those thrown away included; at least 1.
        seed: 0 to 2**64 - 1, of the bootstrap.
        interval_level: share of the resamples within the intervals, above 0 and below 1.
        resamples: of the bootstrap, at least 2.
        backend: "auto", "naive" or "cpu", of the metrics.

    Returns:
        For each group and policy, one for all offsets; and one for each, where there are several and the policy isn't
        random.

    Raises:
        InvalidInputError: no or several policies to compare with, walks of different shapes, or fewer trials than
            greedy policies.
        BackendUnavailableError: a backend that the metrics don't have.
    """
    _require_played(played, trials)
    rows: list[Comparison] = []
    for group, chosen in groups.items():
        if chosen.any():
            rows += _compare_group(group, chosen, played, trials, seed, interval_level, resamples, backend)
    return rows


def pooled_equity(walks: Iterable[Walked], chosen: npt.NDArray[np.bool_]) -> Float64Array1D:
    """The equity float64 [L] of some accounts of all walks together, as a multiple of that of the first session.

    The accounts are added in the order of their size, so that the order they come in doesn't matter, to the last bit.
    """
    equity = np.concatenate([walked.equity[chosen] for walked in walks])
    total = np.sort(equity, axis=0).cumsum(axis=0)[-1]
    pooled: Float64Array1D = total / total[0]
    return pooled


def difference_intervals(
    returns: Float64Array2D,
    benchmark: Float64Array1D,
    *,
    seed: int,
    level: float = 0.95,
    resamples: int = 1000,
) -> dict[str, Float64Array2D]:
    """Percentile intervals of the metrics of P paths, each minus that of one path over the same sessions.

    Sessions are drawn as `kernels.metrics.bootstrap_intervals` draws them, the same for all paths.

    Args:
        returns: float64 [P, L], shares.
        benchmark: float64 [L], shares.
        seed: 0 to 2**64 - 1.
        level: share of the resamples between the bounds.
        resamples: how many.

    Returns:
        For each of `COMPARED` float64 [P, 2], the bounds; NaN with fewer than `MIN_RETURNS` sessions, and where the
        metric of any resample is unknown.
    """
    sessions = len(benchmark)
    bounds = {name: np.full((len(returns), 2), np.nan) for name in COMPARED}
    if sessions < MIN_RETURNS:
        return bounds
    drawn = drawn_sessions(seed, resamples, sessions, max(1, round(sessions ** (1 / 3))))
    shares = (1.0 - level) / 2.0, 1.0 - (1.0 - level) / 2.0
    base = _measured_resamples(benchmark[drawn])
    for path, own in enumerate(returns):
        measured = _measured_resamples(own[drawn])
        for name in COMPARED:
            bounds[name][path] = np.quantile(getattr(measured, name) - getattr(base, name), shares)
    return bounds


def returns_of(equity: Float64Array2D) -> Float64Array2D:
    """The returns float64 [P, L - 1] of equity paths [P, L]; 0 after ruin."""
    before = equity[:, :-1]
    return np.divide(equity[:, 1:], before, out=np.ones_like(before), where=before > 0.0) - 1.0


def _measured_resamples(returns: Float64Array2D) -> EquityMetrics:
    equity = np.ones((len(returns), returns.shape[1] + 1))
    np.cumprod(1.0 + returns, axis=1, out=equity[:, 1:])
    return measure_equity(equity, backend="cpu")


def _compare_group(
    group: str,
    chosen: npt.NDArray[np.bool_],
    played: Sequence[Played],
    trials: int,
    seed: int,
    interval_level: float,
    resamples: int,
    backend: Backend,
) -> list[Comparison]:
    lines = [(each, offset, walks) for each in played for offset, walks in lines_of(each)]
    equity = np.stack([pooled_equity(walks, chosen) for _, _, walks in lines])
    metrics, returns = measure_equity(equity, backend=backend), returns_of(equity)
    bounds = bootstrap_intervals(
        returns.T, COMPARED, seed=seed, level=interval_level, resamples=resamples, backend=backend
    )
    [base] = [place for place, (each, _, _) in enumerate(lines) if each.kind == "buy_and_hold"]
    by_chance = [metrics.total_return[place] for place, (each, _, _) in enumerate(lines) if each.kind == "random"]
    ahead = difference_intervals(returns, returns[base], seed=seed, level=interval_level, resamples=resamples)
    rows = []
    for place, (each, offset, walks) in enumerate(lines):
        greedy = each.kind == "greedy"
        rows.append(
            Comparison(
                group=group,
                policy=each.name,
                kind=each.kind,
                offset=offset,
                accounts=int(chosen.sum()),
                **_measures(metrics, place),
                total_return_low=float(bounds["total_return"][place, 0]),
                total_return_high=float(bounds["total_return"][place, 1]),
                sharpe_low=float(bounds["sharpe_252"][place, 0]),
                sharpe_high=float(bounds["sharpe_252"][place, 1]),
                **_activity(walks, chosen),
                return_ahead=float(metrics.total_return[place] - metrics.total_return[base]),
                return_ahead_low=float(ahead["total_return"][place, 0]),
                return_ahead_high=float(ahead["total_return"][place, 1]),
                sharpe_ahead=float(metrics.sharpe_252[place] - metrics.sharpe_252[base]),
                sharpe_ahead_low=float(ahead["sharpe_252"][place, 0]),
                sharpe_ahead_high=float(ahead["sharpe_252"][place, 1]),
                above_random=float(np.mean(np.array(by_chance) < metrics.total_return[place]))
                if by_chance
                else math.nan,
                trials=trials if greedy else 0,
                deflated_sharpe=_deflated(metrics, place, trials) if greedy else math.nan,
            )
        )
    return rows


def lines_of(each: Played) -> list[tuple[int, list[Walked]]]:
    """All offsets together, then each alone where there are several; of a random policy together only."""
    lines = [(ALL_OFFSETS, list(each.walks.values()))]
    if len(each.walks) > 1 and each.kind != "random":
        lines += [(offset, [walked]) for offset, walked in each.walks.items()]
    return lines


def _measures(metrics: EquityMetrics, place: int) -> dict[str, float]:
    names = ("total_return", "cagr", "sharpe_252", "sortino_252", "max_drawdown")
    return {name: float(getattr(metrics, name)[place]) for name in names}


def _activity(walks: Sequence[Walked], chosen: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Turnover, exposure and costs; sums in an order that doesn't depend on that of the accounts."""

    def total(values: Iterable[npt.NDArray[np.generic]]) -> float:
        return math.fsum(np.concatenate(list(values)).tolist())

    sessions = walks[0].equity.shape[1] - 1
    first = total(walked.equity[chosen, 0] for walked in walks)
    mean_equity = total(walked.equity[chosen].ravel() for walked in walks) / (sessions + 1)
    traded = total(walked.traded[chosen] for walked in walks)
    held = total(walked.exposure[chosen] for walked in walks) / (int(chosen.sum()) * len(walks))
    return {
        "turnover_252": float(turnover_252([traded], [mean_equity], [sessions])[0]),
        "exposure": float(exposure([held], [sessions])[0]),
        "costs": total(walked.costs[chosen] for walked in walks) / first,
    }


def _deflated(metrics: EquityMetrics, place: int, trials: int) -> float:
    """With the deviation that Sharpe ratios without skill have, 1 / sqrt(L - 1), as kernels/strategies does it."""
    sessions = float(metrics.sessions[place])
    return deflated_sharpe(
        float(metrics.sharpe_252[place]) / math.sqrt(SESSIONS_PER_YEAR),
        float(metrics.skewness[place]),
        float(metrics.kurtosis[place]),
        sessions,
        1.0 / math.sqrt(max(sessions - 1.0, 1.0)),
        trials,
    )


def _require_played(played: Sequence[Played], trials: int) -> None:
    kinds = [each.kind for each in played]
    if kinds.count("buy_and_hold") != 1 or not set(kinds) <= set(KINDS) or any(not each.walks for each in played):
        raise InvalidInputError(
            "compare, policies",
            expected=f"policies of the kinds {', '.join(KINDS)}, exactly one of them buy_and_hold, each with a walk",
            got=", ".join(kinds) or "none",
            mend="play buy-and-hold once over the same accounts",
        )
    shapes = {walked.equity.shape for each in played for walked in each.walks.values()}
    if len(shapes) != 1:
        raise InvalidInputError(
            "compare, walks",
            expected="the same accounts and sessions in every walk",
            got=f"shapes {sorted(shapes)}",
            mend="walk every policy over the same series, from the same first to the same last session",
        )
    greedy = kinds.count("greedy")
    if trials < max(greedy, 1):
        raise InvalidInputError(
            "compare, trials",
            expected=f"at least {max(greedy, 1)}: every greedy policy here was tried",
            got=repr(trials),
            mend="count every policy and setting that was tried, those thrown away included",
        )
