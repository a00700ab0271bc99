"""Every asset, in the order of the chain."""

from assets.action_model import action_model
from assets.compiled_forecaster import compiled_forecaster
from assets.daily_report import daily_report
from assets.forecast_model import forecast_model
from assets.forecast_skill import forecast_skill
from assets.forecasts import forecasts
from assets.gpu_profile import gpu_profile
from assets.null_distributions import null_distributions
from assets.pattern_outcomes import pattern_outcomes
from assets.patterns import patterns
from assets.picks import picks
from assets.policy_simulation import policy_simulation
from assets.prices import prices
from assets.quarantine import quarantine
from assets.simulations import simulations
from assets.synthetic_samples import synthetic_samples
from assets.universe import universe
from assets.windows import windows

ASSETS = [
    universe,
    prices,
    quarantine,
    windows,
    null_distributions,
    patterns,
    pattern_outcomes,
    compiled_forecaster,
    forecast_model,
    forecasts,
    forecast_skill,
    simulations,
    picks,
    daily_report,
    synthetic_samples,
    action_model,
    policy_simulation,
    gpu_profile,
]
