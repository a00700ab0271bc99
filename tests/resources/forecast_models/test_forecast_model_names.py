import sys
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from kernels.errors import InvalidInputError, SettingsError
from kernels.volatility import Forecasts, ewma_fhs
from resources.forecast_models import FORECAST_MODELS, ChronosModel, EwmaModel, open_forecast_model, require_forecasts
from tests.forecast_panel import all_origins, forecast_bars, random_closes

GOOD = """
from datetime import date

class Good:
    name = "good-1"
    trained_through = date(2017, 12, 29)
    lookback = 60

    def __init__(self, window=60, *others, **more):
        self.details = {"window": window}

    def forecast(self, bars, row, end):
        raise NotImplementedError
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module where Python finds it, and gives its name."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(text: str) -> str:
        (tmp_path / "planted_model.py").write_text(text)
        monkeypatch.delitem(sys.modules, "planted_model", raising=False)
        return "planted_model"

    return write


def ewma_forecasts() -> Forecasts:
    close = random_closes(3, 300, seed=1)
    close[0, -1], close[1:, -1] = np.nan, 50.0
    return EwmaModel().forecast(forecast_bars(close), *all_origins(3, range(299, 300)))


def test_the_baseline_is_the_kernel_over_504_bars():
    close = random_closes(4, 700, seed=2)
    row, end = all_origins(4, range(640, 700, 7))
    model = open_forecast_model("ewma-fhs", backend="cpu")
    made, expected = model.forecast(forecast_bars(close), row, end), ewma_fhs(close, row, end, lookback=504)
    for name in ("quantiles", "volatility", "residuals", "status"):
        np.testing.assert_array_equal(getattr(made, name), getattr(expected, name))
    require_forecasts(model.name, made, len(row))
    assert (model.name, model.trained_through, model.lookback) == ("ewma-fhs", None, 504)
    assert model.details == {"backend": "cpu", "backend_reason": "chosen explicitly"}


def test_the_baseline_says_why_it_serves():
    assert EwmaModel(reason="there is no model of 2016").details["model_reason"] == "there is no model of 2016"


def test_chronos_needs_a_path(tmp_path):
    with pytest.raises(SettingsError, match="option path of the forecast model chronos"):
        open_forecast_model("chronos")
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).touch()
    assert isinstance(open_forecast_model("chronos", path=str(tmp_path)), ChronosModel)


@pytest.mark.parametrize("name", ["", "EWMA", "prophet"])
def test_an_unknown_name_is_refused_with_the_known_ones(name):
    with pytest.raises(SettingsError) as raised:
        open_forecast_model(name)
    assert all(known in str(raised.value) for known in FORECAST_MODELS)
    assert repr(name) in str(raised.value)


def test_a_class_of_a_users_module_is_opened(module):
    model = open_forecast_model(f"{module(GOOD)}:Good")
    assert (model.name, model.trained_through, model.lookback) == ("good-1", date(2017, 12, 29), 60)
    assert model.details == {"window": 60}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('    name = "good-1"\n', ""), r"no name \(a text\)"),
        (('"good-1"', "''"), r"name = '' \(a text\)"),
        (("trained_through = date(2017, 12, 29)", "trained = 1"), r"no trained_through \(a date or None\)"),
        (("date(2017, 12, 29)", '"2017-12-29"'), r"trained_through = '2017-12-29'"),
        (("lookback = 60", "lookback = 506"), r"lookback = 506 \(an integer from 1 to 505\)"),
        (("lookback = 60", "lookback = True"), "lookback = True"),
        (('{"window": window}', "None"), r"details = None \(a dict\)"),
        (("def forecast", "def predict"), r"no forecast \(a method\)"),
    ],
)
def test_a_class_that_lacks_something_is_refused_by_what_it_lacks(module, change, message):
    assert change[0] in GOOD
    with pytest.raises(SettingsError, match=message):
        open_forecast_model(f"{module(GOOD.replace(*change))}:Good")


def test_a_time_is_no_date(module):
    text = GOOD.replace("from datetime import date", "from datetime import datetime as date")
    with pytest.raises(SettingsError, match="trained_through = datetime"):
        open_forecast_model(f"{module(text)}:Good")


def test_all_that_is_missing_is_said_at_once(module):
    with pytest.raises(SettingsError, match=r"no name .*no trained_through .*no lookback .*no details .*no forecast"):
        open_forecast_model(f"{module('class Empty: pass')}:Empty")


@pytest.mark.parametrize(
    ("text", "class_name", "message"),
    [
        ("import absent_package", "Good", "absent_package"),
        ("", "Good", "nothing of that name"),
        ("Good = 3", "Good", "got 3"),
        ("class Good:\n    def __init__(self, size): pass", "Good", "it needs size"),
        ("", "Go-od", "write the two names as Python does"),
    ],
)
def test_what_is_no_class_to_call_is_refused(module, text, class_name, message):
    with pytest.raises(SettingsError, match=message):
        open_forecast_model(f"{module(text)}:{class_name}")


@pytest.mark.parametrize("name", ["absent_module:Good", "absent.module:Good"])
def test_an_absent_module_is_refused(name):
    with pytest.raises(SettingsError, match="start in the folder that holds absent"):
        open_forecast_model(name)


@pytest.mark.parametrize("name", [":Good", ".relative:Good", "my module:Good", "planted_model:"])
def test_what_is_no_name_of_a_class_is_refused(name):
    with pytest.raises(SettingsError, match=r"package\.module:Class"):
        open_forecast_model(name)


def test_an_error_in_the_users_own_code_is_not_hidden(module):
    with pytest.raises(ZeroDivisionError):
        open_forecast_model(f"{module('1 / 0')}:Good")


def test_what_the_baseline_gives_keeps_the_promises():
    made = ewma_forecasts()
    assert (made.status == 0).sum() == 2
    require_forecasts("ewma-fhs", made, 3)


@pytest.mark.parametrize("name", ["quantiles", "volatility", "residuals", "status"])
def test_an_array_of_another_shape_or_type_is_refused(name):
    made = ewma_forecasts()
    values = getattr(made, name)
    for other in (values[:-1], values.astype(np.float32)):
        with pytest.raises(InvalidInputError, match=f"{name} of the forecast model mine"):
            require_forecasts("mine", replace(made, **{name: other}), 3)


@pytest.mark.parametrize(
    ("name", "place", "value", "message"),
    [
        ("quantiles", (1, 0, 3), np.nan, "finite values, or NaN at all levels"),
        ("quantiles", (1, 0, 10), np.inf, "finite values, or NaN at all levels"),
        ("quantiles", (1, 0, 3), 9.0, "don't fall"),
        ("volatility", (1, 0), 0.0, "finite values above 0"),
        ("volatility", (1, 0), np.inf, "finite values above 0"),
        ("volatility", (1, 0), np.nan, "a value wherever there are quantiles"),
        ("residuals", (1, 0), -1, "values from 0"),
        ("status", (1,), 4, "indexes from 0 to 3"),
        ("status", (1,), -1, "indexes from 0 to 3"),
        ("status", (1,), 2, "where a horizon has quantiles"),
        ("status", (0,), 0, "where a horizon has quantiles"),
    ],
)
def test_values_that_break_a_promise_are_refused(name, place, value, message):
    made = ewma_forecasts()
    getattr(made, name)[place] = value
    with pytest.raises(InvalidInputError, match=message):
        require_forecasts("mine", made, 3)
