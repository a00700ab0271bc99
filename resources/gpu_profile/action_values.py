"""The action-value network as a case: pairs of an account's state and an action, eight actions for each window."""

import numpy as np
import numpy.typing as npt

from kernels.action_values import ActionValueConfig, ActionValues, Terms, starting_weights
from kernels.device import Backend
from kernels.samples import COLUMNS, gather_windows
from resources.gpu_profile.made import CASH, MadeBars, made_places
from resources.gpu_profile.work import Work

ACTIONS, FORWARD = 8, 21


def action_value_work(bars: MadeBars, count: int, lookback: int, backend: Backend) -> Work:
    """Ask a network with its starting weights for the quantiles of `count` pairs, or a few less."""
    config, terms = ActionValueConfig(), Terms(lookback, FORWARD)
    pooled = np.linspace(-2.0, 2.0, len(config.levels))
    weights = starting_weights(config, lookback, pooled)
    network = ActionValues(config, terms, weights, "cuda" if backend == "gpu" else "cpu")
    windows = max(count // ACTIONS, 1)
    panel, (instrument, session) = bars.samples(), made_places(bars, windows, lookback)
    gathered = gather_windows(panel, instrument, session, lookback)
    states, actions = flat_states(windows), long_actions(windows)
    pairs = windows * ACTIONS
    least = gathered.nbytes + states.nbytes + actions.nbytes + 8 * pairs * len(config.levels)
    # A weight is used once for each pair of each seed; those that see the window once for each window.
    by_window, by_pair = (
        2 * sum(weights[name].size for name in names) for names in (("encoder", "w1_window"), ("w1_pair", "w2", "w3"))
    )
    return Work(
        lambda: network.quantiles(gathered, states, actions), pairs, least, windows * by_window + pairs * by_pair
    )


def flat_states(count: int) -> npt.NDArray[np.float32]:
    """Accounts that hold cash alone, float32 [count, 15]."""
    columns = [name for name, column in COLUMNS.items() if column.group == "state"]
    states = np.zeros((count, len(columns)), dtype=np.float32)
    for place, name in enumerate(columns):
        if name in ("state_equity", "state_cash"):
            states[:, place] = CASH
        elif name.endswith(("_entry", "_stop", "_target")):
            states[:, place] = np.nan
    return states


def long_actions(count: int) -> npt.NDArray[np.float32]:
    """Long positions of rising size with a stop and a target, float32 [count, ACTIONS, 7]."""
    columns = [name for name, column in COLUMNS.items() if column.group == "action"]
    actions = np.zeros((count, ACTIONS, len(columns)), dtype=np.float32)
    for place, name in enumerate(columns):
        if name == "action_long_value":
            actions[:, :, place] = np.linspace(0.1, 1.0, ACTIONS) * CASH
        elif name.startswith("action_short_") and name.endswith(("_stop", "_target")):
            actions[:, :, place] = np.nan
        elif name.endswith("_stop"):
            actions[:, :, place] = 0.95
        elif name.endswith("_target"):
            actions[:, :, place] = 1.05
    return actions
