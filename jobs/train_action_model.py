"""`train_action_model`: the action-value network of a dataset of synthetic samples, and what acting on it brought."""

import dagster as dg

from assets.action_model import action_model
from assets.policy_simulation import policy_simulation

train_action_model = dg.define_asset_job(
    "train_action_model",
    selection=dg.AssetSelection.assets(action_model, policy_simulation),
    executor_def=dg.in_process_executor,
    description="Train the network that says how an account will turn out after an action, and simulate trading on it "
    "in sessions that it hasn't seen.",
)
