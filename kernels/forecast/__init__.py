"""Forecasts, and how good they are; definitions in the README."""

from __future__ import annotations

from kernels.forecast.coverage import DEFAULT_INTERVALS, coverage, inside_interval
from kernels.forecast.coverage_tests import LikelihoodRatioTest, christoffersen_test, kupiec_test
from kernels.forecast.daily import daily_means
from kernels.forecast.diebold_mariano import diebold_mariano
from kernels.forecast.newey_west import MeanTest, mean_test, newey_west_variance
from kernels.forecast.outcomes import outcomes_of
from kernels.forecast.pinball import crps_of_quantiles, level_weights, pinball_loss
from kernels.forecast.pit import pit, pit_histogram
from kernels.forecast.qlike import VOLATILITY_FLOOR, qlike
from kernels.forecast.rank_correlation import rank_information_coefficient
from kernels.forecast.scores import ForecastScores, empty_scores, score_forecasts
from kernels.forecast.skill import skill
from kernels.forecast.summary import BASELINES, ForecastSkill, join_scores, summarise

__all__ = [
    "BASELINES",
    "DEFAULT_INTERVALS",
    "VOLATILITY_FLOOR",
    "ForecastScores",
    "ForecastSkill",
    "LikelihoodRatioTest",
    "MeanTest",
    "christoffersen_test",
    "coverage",
    "crps_of_quantiles",
    "daily_means",
    "diebold_mariano",
    "empty_scores",
    "inside_interval",
    "join_scores",
    "kupiec_test",
    "level_weights",
    "mean_test",
    "newey_west_variance",
    "outcomes_of",
    "pinball_loss",
    "pit",
    "pit_histogram",
    "qlike",
    "rank_information_coefficient",
    "score_forecasts",
    "skill",
    "summarise",
]
