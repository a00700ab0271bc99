"""A forecast model that lives in a module of the user's: found by "package.module:Class", and checked."""

from collections.abc import Callable
from datetime import date
from importlib import import_module
from inspect import Parameter, isclass, signature
from typing import Any, cast

from kernels.errors import SettingsError
from resources.forecast_models.base import ForecastModel
from resources.lineage import LOOKBACK

GUIDE = "docs/add-a-forecast-model.md shows a complete one"

# What a forecast model has, in words, and whether a value is that.
_ATTRIBUTES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "name": ("a text", lambda value: isinstance(value, str) and value != ""),
    "trained_through": ("a date or None", lambda value: value is None or type(value) is date),
    "lookback": (f"an integer from 1 to {LOOKBACK}", lambda value: type(value) is int and 1 <= value <= LOOKBACK),
    "details": ("a dict", lambda value: isinstance(value, dict)),
    "forecast": ("a method", callable),
}


def open_user_class(name: str) -> ForecastModel:
    """Import the module, call the class without arguments, and check what it is.

    Args:
        name: "package.module:Class".

    Raises:
        SettingsError: no such module or class, one that needs arguments, or one that lacks what a model must have.
    """
    module_name, class_name = name.split(":", 1)
    if not all(part.isidentifier() for part in (*module_name.split("."), class_name)):
        raise _refused(name, "package.module:Class", repr(name), "write the two names as Python does")
    try:
        module = import_module(module_name)
    except ImportError as error:
        mend = f"start in the folder that holds {module_name.split('.')[0]}, or install its package"
        raise _refused(name, "a module that can be imported", f"{type(error).__name__}: {error}", mend) from error
    found = getattr(module, class_name, None)
    if not isclass(found):
        got = "nothing of that name" if found is None else repr(found)
        raise _refused(name, f"a class {class_name} in {module_name}", got, "correct the name")
    needed = [each.name for each in signature(found).parameters.values() if _is_needed(each)]
    if needed:
        raise _refused(name, "a class that can be called without arguments", f"it needs {', '.join(needed)}", GUIDE)
    model: Any = found()
    faults = []
    for attribute, (wanted, is_right) in _ATTRIBUTES.items():
        if not hasattr(model, attribute):
            faults.append(f"no {attribute} ({wanted})")
        elif not is_right(getattr(model, attribute)):
            faults.append(f"{attribute} = {getattr(model, attribute)!r} ({wanted})")
    if faults:
        raise _refused(name, f"a forecast model: {', '.join(_ATTRIBUTES)}", "; ".join(faults), GUIDE)
    return cast(ForecastModel, model)


def _is_needed(parameter: Parameter) -> bool:
    return parameter.default is Parameter.empty and parameter.kind not in (
        Parameter.VAR_POSITIONAL,
        Parameter.VAR_KEYWORD,
    )


def _refused(name: str, expected: str, got: str, mend: str) -> SettingsError:
    return SettingsError(f"forecast model {name}", expected=expected, got=got, mend=mend)
