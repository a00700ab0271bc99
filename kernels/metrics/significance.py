"""How sure a Sharpe ratio is, given its sample and the number of trials it was chosen from."""

from __future__ import annotations

import math
from statistics import NormalDist

from kernels.errors import InvalidInputError

EULER_MASCHERONI = 0.5772156649015329

_NORMAL = NormalDist()


def probabilistic_sharpe(
    sharpe: float, skewness: float, kurtosis: float, sessions: float, benchmark: float = 0.0
) -> float:
    """Probability that the true Sharpe ratio exceeds a benchmark (Bailey & Lopez de Prado 2012).

    `Phi((SR - SR*) sqrt(T - 1) / sqrt(1 - skewness SR + (kurtosis - 1) / 4 SR^2))`.

    Args:
        sharpe: SR, mean over standard deviation per session: `sharpe_252 / sqrt(252)`.
        skewness: of the returns per session.
        kurtosis: of the returns per session, 3 for a normal.
        sessions: T, the number of returns.
        benchmark: SR*, per session.

    Returns:
        From 0 to 1; NaN with fewer than two sessions, if an argument is NaN, or if no distribution has these moments
        (a radicand of 0 or less; it is above 0 wherever kurtosis > skewness^2 + 1).
    """
    radicand = 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe
    if sessions < 2 or not radicand > 0.0:
        return math.nan
    score = (sharpe - benchmark) * math.sqrt(sessions - 1.0) / math.sqrt(radicand)
    return 0.5 * math.erfc(-score / math.sqrt(2.0))


def expected_maximum_sharpe(deviation: float, trials: int) -> float:
    """SR0: about the greatest Sharpe ratio of N trials without skill (Bailey & Lopez de Prado 2014).

    `deviation * ((1 - g) Z(1 - 1/N) + g Z(1 - 1/(N e)))`, with g the Euler-Mascheroni constant and Z the normal
    quantile.

    Args:
        deviation: standard deviation of the trials' Sharpe ratios, per session; not used for one trial.
        trials: N, how many were really tried, those thrown away included.

    Returns:
        Sharpe ratio per session, at least 0; 0 for one trial, NaN if the deviation is NaN.

    Raises:
        InvalidInputError: fewer than one trial, or a negative deviation.
    """
    if trials < 1 or trials != int(trials):
        raise InvalidInputError(
            "deflated Sharpe, trials",
            expected="a whole number, at least 1",
            got=repr(trials),
            mend="count every strategy and setting that was tried",
        )
    if trials == 1:
        return 0.0
    if deviation < 0.0:
        raise InvalidInputError(
            "deflated Sharpe, standard deviation of the trials' Sharpe ratios",
            expected="at least 0",
            got=repr(deviation),
            mend="pass np.std(sharpe, ddof=1) over the trials",
        )
    highest = _NORMAL.inv_cdf(1.0 - 1.0 / trials)
    higher_still = _NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return deviation * ((1.0 - EULER_MASCHERONI) * highest + EULER_MASCHERONI * higher_still)


def deflated_sharpe(
    sharpe: float, skewness: float, kurtosis: float, sessions: float, deviation: float, trials: int
) -> float:
    """Probability that the chosen trial's true Sharpe ratio is above 0, given that it was the best of N.

    `probabilistic_sharpe` with SR0 of `expected_maximum_sharpe` as benchmark (Bailey & Lopez de Prado 2014). Arguments,
    NaN rule and errors are those of the two; every Sharpe ratio is per session.
    """
    benchmark = expected_maximum_sharpe(deviation, trials)
    return probabilistic_sharpe(sharpe, skewness, kurtosis, sessions, benchmark)
