"""`policy_simulation`: what acting on the action-value network would have brought, on sessions that it hasn't seen."""

import math
import time
from typing import Any

import dagster as dg
import pyarrow as pa
from pydantic import Field

from assets.action_model import action_model
from assets.declared import definition_metadata
from assets.pictures import pictures
from assets.prices import prices
from assets.progress import Progress
from assets.quarantine import quarantine
from assets.session_run import preview, table_of
from kernels.errors import InvalidInputError, MissingHistoryError
from kernels.policies import ALL_OFFSETS, CandidateGrid, Comparison, compare
from resources.action_model_store import ActionModelStore, StoredActionModel
from resources.lake_files import LakeFiles
from resources.parquet_lake import fingerprint
from resources.policy_block import PolicyBlock, open_policy_block
from resources.policy_contracts import POLICY_EQUITY, POLICY_SIMULATION
from resources.policy_play import PlayOptions, choices_of, play, walks_of
from resources.policy_tables import comparison_table, equity_table, policy_chart, words_of
from resources.wiring import LakeResource

CODE_VERSION = "1"
TABLES = POLICY_EQUITY.name, POLICY_SIMULATION.name

_PLAY, _GRID = PlayOptions(), CandidateGrid()
_COMMAND = (
    "dagster job execute -m definitions -j train_action_model; unless the dataset is `default`, with its name as "
    "`dataset` in the run config of both action_model and policy_simulation"
)
_SHOWN = (
    "group", "policy", "total_return", "total_return_low", "total_return_high", "sharpe_252", "max_drawdown",
    "return_ahead", "return_ahead_low", "return_ahead_high", "above_random", "deflated_sharpe", "turnover_252",
    "exposure", "costs",
)  # fmt: skip


class PolicySimulationConfig(dg.Config):
    """Which sessions are walked over, and which policies."""

    dataset: str = Field(default="default", description="Name of the dataset that the model was trained on.")
    start: str = Field(default="", description="First session, ISO date; empty = the first of the test block.")
    end: str = Field(default="", description="Last session, ISO date; empty = the last of the test block's labels.")
    every: int = Field(default=_PLAY.every, description="Sessions between decisions; 0 = as far as the model looks.")
    offsets: int = Field(default=_PLAY.offsets, description="Start offsets that policies are walked from.")
    risk_aversions: list[float] = Field(
        default=list(_PLAY.risk_aversions), description="A greedy policy for each: what a unit of spread costs."
    )
    random_policies: int = Field(default=_PLAY.random_policies, description="Random policies, with seeds 0, 1, ..")
    shares: list[float] = Field(default=list(_GRID.shares), description="Candidates: shares of the equity in a leg.")
    stops: list[float] = Field(default=list(_GRID.stops), description="Candidates: distances of the stop, shares.")
    targets: list[float] = Field(default=list(_GRID.targets), description="Candidates: distances of the target.")
    legs: list[str] = Field(default=list(_GRID.legs), description="Candidates: long, short.")
    cash: float = Field(default=_PLAY.cash, description="Dollars of each account at the first session.")
    further_trials: list[str] = Field(
        default=[], description="Policies, settings and networks that were tried before and dropped: they count too."
    )
    seed: int = Field(default=7, description="Of the bootstrap.")
    resamples: int = Field(default=1000, ge=2, description="Of the bootstrap.")

    def options(self) -> PlayOptions:
        """What is played.

        Raises:
            InvalidInputError: an option out of its range, named.
        """
        grid = CandidateGrid(tuple(self.shares), tuple(self.stops), tuple(self.targets), tuple(self.legs))
        return PlayOptions(
            every=self.every,
            offsets=self.offsets,
            risk_aversions=tuple(self.risk_aversions),
            random_policies=self.random_policies,
            cash=self.cash,
            grid=grid,
            further_trials=tuple(self.further_trials),
        )


@dg.asset(
    deps=[
        action_model,
        *(dg.AssetDep(asset, partition_mapping=dg.AllPartitionMapping()) for asset in (prices, quarantine)),
    ],
    group_name="samples",
    kinds={"parquet", "numba", "pytorch"},
    owners=["team:research"],
    code_version=CODE_VERSION,
    metadata=definition_metadata(POLICY_SIMULATION),
)
def policy_simulation(
    context: dg.AssetExecutionContext, config: PolicySimulationConfig, lake: LakeResource
) -> dg.MaterializeResult:
    """What acting on the action-value network would have brought: a row is a policy on a group of symbols.

    Each symbol has an account with equal money. Every so many sessions of the dataset's test block, which the network
    hasn't seen, the greedy policy takes the action with the largest expected log growth; the simulator fills it at the
    next open, with the costs of the samples. Beside it: buy-and-hold, doing nothing, and random policies. The interval
    of the difference to buy-and-hold says whether it was better, and the text says it in words. The equity of each day
    is the table `policy_equity`.
    """
    began = time.monotonic()
    store, options = lake.open(), config.options()
    stored = _model_of(store.files, config.dataset)
    block = open_policy_block(store, config.dataset, stored.trained_through, start=config.start, end=config.end)
    if stored.note.get("dataset_made_from") != block.made_from:
        raise InvalidInputError(
            f"model of the dataset {config.dataset}",
            expected=f"a network trained on the dataset as it is now, made from {block.made_from}",
            got=f"one trained on samples made from {stored.note.get('dataset_made_from')}",
            mend=f"train it again: {_COMMAND}",
        )
    made_from = fingerprint(
        {
            "code": CODE_VERSION,
            "config": config.model_dump(),
            "dataset": block.made_from,
            "model": (stored.sha256, stored.trained_through),
        }
    )
    progress = Progress(context.log.info, f"policy_simulation {config.dataset}", walks_of(block, options), "walks")
    played = play(block, stored.values(), options, progress.add)
    rows = compare(played, block.groups, trials=options.trials, seed=config.seed, resamples=config.resamples)
    equity, compared = equity_table(played, block), comparison_table(rows, block, stored.model_id)
    for name, table in zip(TABLES, (equity, compared), strict=True):
        store.write(name, config.dataset, table, made_from=made_from, code_version=CODE_VERSION)
        store.settle(name)
    choices = {each.name: choices_of(each, options.grid) for each in played if each.kind == "greedy"}
    words = words_of(rows, block, choices)
    context.log.info(f"policy_simulation {config.dataset}: {words}")
    return dg.MaterializeResult(
        metadata={
            "dagster/partition_row_count": compared.num_rows,
            "dagster/uri": store.uri(POLICY_SIMULATION.name, config.dataset),
            "equity": store.uri(POLICY_EQUITY.name, config.dataset),
            "words": dg.MetadataValue.md(words),
            "policies": _shown(rows),
            "charts": pictures(policy_chart(equity, group) for group in _groups(equity)),
            "trials": options.trials,
            **_numbers(rows),
            **_origin(block, stored),
            "preview": preview(compared),
            "seconds": round(time.monotonic() - began, 3),
        }
    )


def _model_of(files: LakeFiles, dataset: str) -> StoredActionModel:
    stored = ActionModelStore(files).read(dataset)
    if stored is None:
        raise MissingHistoryError(
            f"model of the dataset {dataset}",
            expected="an action-value network, trained on the dataset",
            got="none",
            mend=f"train it: {_COMMAND}",
        )
    return stored


def _groups(equity: pa.Table) -> list[str]:
    return list(dict.fromkeys(equity["group"].to_pylist()))


def _shown(rows: list[Comparison]) -> dg.TableMetadataValue | str:
    """The policies over all start offsets, random ones apart."""
    chosen = [row for row in rows if row.offset == ALL_OFFSETS and row.kind != "random"]
    return table_of(_SHOWN, ([_known(getattr(row, name)) for name in _SHOWN] for row in chosen))


def _known(value: str | int | float) -> str | int | float | None:
    """What isn't known, as nothing: the UI has no NaN."""
    return None if isinstance(value, float) and math.isnan(value) else value


def _numbers(rows: list[Comparison]) -> dict[str, float]:
    """What is followed from run to run: of the first greedy policy."""
    numbers = {}
    for group in dict.fromkeys(row.group for row in rows):
        greedy = next(row for row in rows if row.group == group and row.kind == "greedy" and row.offset == ALL_OFFSETS)
        for name in ("total_return", "return_ahead", "return_ahead_low", "return_ahead_high", "deflated_sharpe"):
            value = getattr(greedy, name)
            if not math.isnan(value):
                numbers[f"{name}_{group}"] = value
    return numbers


def _origin(block: PolicyBlock, stored: StoredActionModel) -> dict[str, Any]:
    sessions = block.sessions
    return {
        "model": stored.model_id,
        "trained_through": str(stored.trained_through),
        "first_session": str(sessions[0]),
        "last_session": str(sessions[-1]),
        "sessions": len(sessions) - 1,
        "accounts": len(block.series),
        "symbols_left_out": block.unlisted,
    }
