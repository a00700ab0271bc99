"""Every job, schedule and sensor."""

from jobs.alerts import alerts_sensor
from jobs.calibrate_null import calibrate_null, calibrate_null_schedule
from jobs.compile_forecaster import compile_forecaster
from jobs.daily import daily_sp500, daily_sp500_schedule, price_history
from jobs.judge_patterns import judge_patterns
from jobs.profile_gpu import profile_gpu
from jobs.scan_symbols import scan_symbols
from jobs.synthetic_dataset import synthetic_dataset
from jobs.train_action_model import train_action_model
from jobs.train_forecast_model import train_forecast_model, train_forecast_model_schedule

JOBS = [
    price_history,
    daily_sp500,
    calibrate_null,
    judge_patterns,
    scan_symbols,
    synthetic_dataset,
    train_action_model,
    train_forecast_model,
    compile_forecaster,
    profile_gpu,
]
SCHEDULES = [daily_sp500_schedule, calibrate_null_schedule, train_forecast_model_schedule]
SENSORS = [alerts_sensor]
