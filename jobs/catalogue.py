"""Every job and schedule."""

from jobs.compile_forecaster import compile_forecaster
from jobs.daily import daily_sp500, daily_sp500_schedule, price_history
from jobs.scan_symbols import scan_symbols
from jobs.synthetic_dataset import synthetic_dataset
from jobs.train_forecast_model import train_forecast_model, train_forecast_model_schedule

JOBS = [price_history, daily_sp500, scan_symbols, synthetic_dataset, train_forecast_model, compile_forecaster]
SCHEDULES = [daily_sp500_schedule, train_forecast_model_schedule]
