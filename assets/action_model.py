"""`action_model`: a network that says how an account will turn out after an action, trained on synthetic samples."""

import time
from typing import Any

import dagster as dg
import numpy as np
from pydantic import Field

from assets.pictures import pictures
from assets.synthetic_samples import synthetic_samples
from kernels.action_values import INTERVALS, ActionValueConfig, ActionValues, TrainingState, Verdict
from resources.action_model_store import ActionModelStore, StoredActionModel
from resources.action_training import CODE_VERSION, TrainingData, judge_on, open_training_data, train_on
from resources.batch_sizes import BatchSizeFiles
from resources.charts import Series, StepsChart, steps_chart
from resources.lake_files import LakeFiles
from resources.sample_store import SampleStore
from resources.wiring import LakeResource

_DEFAULT = ActionValueConfig()
_NOT_OF_THE_NETWORK = {"dataset", "device", "workers", "seed", "held_out_rows", "judged_rows"}


class ActionModelConfig(dg.Config):
    """Which samples the network is trained on, and how; see `kernels.action_values.config`."""

    dataset: str = Field(default="default", description="Name of the dataset of synthetic samples.")
    window: str = Field(
        default=_DEFAULT.window, description="What it is told of a window: volatility, activity or full."
    )
    encoder: int = Field(default=_DEFAULT.encoder, description="Units of the layer that sees the window.")
    hidden: int = Field(default=_DEFAULT.hidden, description="Units of either layer that sees everything.")
    seeds: list[int] = Field(default=list(_DEFAULT.seeds), description="One network is trained for each.")
    epochs: int = Field(default=_DEFAULT.epochs, description="Passes over the train rows at most.")
    batch_rows: int = Field(default=_DEFAULT.batch_rows, description="Rows of a batch.")
    accumulation: int = Field(default=_DEFAULT.accumulation, description="Batches of a step.")
    check_steps: int = Field(
        default=_DEFAULT.check_steps, description="Steps between two checks: held-out loss, progress, saved state."
    )
    patience: int = Field(default=_DEFAULT.patience, description="Checks without a better held-out loss, then stop.")
    learning_rate: float = Field(default=_DEFAULT.learning_rate, description="Of AdamW, at the first step.")
    weight_decay: float = Field(default=_DEFAULT.weight_decay, description="Of AdamW.")
    precision: str = Field(default=_DEFAULT.precision, description="Of the matrix products: float32 or bfloat16.")
    levels: list[float] = Field(default=list(_DEFAULT.levels), description="Quantile levels, 0.5 among them.")
    device: str = Field(default="cpu", description="Where the network is trained: cpu or cuda.")
    workers: int = Field(default=0, description="Processes that read samples; 0 = the one that trains.")
    seed: int = Field(default=7, description="Of the order of the rows.")
    held_out_rows: int = Field(default=200_000, description="Validation rows at most that each check looks at.")
    judged_rows: int = Field(default=200_000, ge=1, description="Rows at most of each split that it is judged on.")

    def network(self) -> ActionValueConfig:
        """The settings of the network.

        Raises:
            InvalidInputError: an option out of its range, named.
        """
        options = self.model_dump(exclude=_NOT_OF_THE_NETWORK)
        return ActionValueConfig(**{**options, "seeds": tuple(self.seeds), "levels": tuple(self.levels)})


@dg.asset(
    group_name="samples",
    kinds={"pytorch"},
    owners=["team:research"],
    code_version=CODE_VERSION,
    deps=[dg.AssetDep(synthetic_samples, partition_mapping=dg.AllPartitionMapping())],
)
def action_model(
    context: dg.AssetExecutionContext, config: ActionModelConfig, lake: LakeResource
) -> dg.MaterializeResult:
    """A network that sees a window of bars, an account and an action, and says how the account will turn out.

    It gives quantiles of the growth after all costs, over the sessions that the labels of the samples look ahead. It
    starts from an analytic anchor (volatility, stops, targets, costs) and learns what that leaves. It is judged on
    later sessions and on other symbols than it was trained on, against that anchor and others. A training that was
    stopped goes on where it was; a model that is up to date is kept.
    """
    network, files = config.network(), lake.open().files
    store = ActionModelStore(files)
    data = open_training_data(f"{files.root.rstrip('/')}/{SampleStore(files, config.dataset).folder}")
    made_from = data.made_from(network, config.seed, config.held_out_rows)
    began = time.monotonic()
    stored = store.read(config.dataset)
    kept = stored is not None and stored.made_from == made_from
    if stored is None or not kept:
        stored = _train(context, config, network, files, data, made_from)
    return dg.MaterializeResult(metadata=_metadata(store, stored, kept, time.monotonic() - began))


def _train(
    context: dg.AssetExecutionContext,
    config: ActionModelConfig,
    network: ActionValueConfig,
    files: LakeFiles,
    data: TrainingData,
    made_from: str,
) -> StoredActionModel:
    store = ActionModelStore(files)

    def log(line: str) -> None:
        context.log.info(f"action_model {config.dataset}: {line}")

    def keep(state: TrainingState) -> None:
        store.write_state(config.dataset, made_from, state)

    resume = store.read_state(config.dataset, made_from)
    if resume is not None:
        log(f"the training goes on after step {resume.step:,}")
    trained = train_on(
        data,
        network,
        seed=config.seed,
        held_out_rows=config.held_out_rows,
        workers=config.workers,
        device=config.device,
        resume=resume,
        checkpoint=keep,
        log=log,
        sizes=BatchSizeFiles(files.root),
    )
    training = trained.training
    values = ActionValues(network, data.terms, training.weights, config.device)
    verdicts = judge_on(data, values, trained.baselines, rows=config.judged_rows)
    for split, found in verdicts.items():
        log(words_of(split, found[0]))
    note = {
        "dataset_made_from": data.manifest["made_from"],
        "rows": dict(data.rows),
        "weights_after_step": training.step,
        "steps": training.steps,
        "chunk_rows": training.chunk_rows,
        "checks": [check._asdict() for check in training.checks],
        "verdicts": {split: [each.as_json() for each in found] for split, found in verdicts.items()},
        "words": {split: words_of(split, found[0]) for split, found in verdicts.items()},
    }
    written = store.write(
        config.dataset,
        network,
        data.terms,
        training.weights,
        trained.baselines,
        trained_through=data.trained_through,
        made_from=made_from,
        note=note,
    )
    store.drop_state(config.dataset)
    return written


def words_of(split: str, verdict: Verdict) -> str:
    """What a verdict comes to, in a sentence: better than the best baseline only if the whole interval is."""
    hardest = min(verdict.skills, key=lambda each: each.skill)
    share, low, high = (100.0 * each for each in (hardest.skill, hardest.low, hardest.high))
    if low > 0.0:
        said = "better than"
    elif high < 0.0:
        said = "worse than"
    else:
        said = "no better than"
    caution = " Validation rows chose when to stop, so they are no proof." if split == "validation" else ""
    if split == "held_out":
        caution = " These symbols were not trained on, but most of their sessions were."
    return (
        f"{split}: {said} its hardest baseline, {hardest.baseline}: CRPS skill {share:.2f} % ({low:.2f} to "
        f"{high:.2f}), {verdict.rows:,} rows at {verdict.sessions:,} sessions, of whose outcomes at most "
        f"{max(int(verdict.spans), 1)} don't overlap.{caution}"
    )


def _metadata(store: ActionModelStore, stored: StoredActionModel, kept: bool, seconds: float) -> dict[str, Any]:
    note = stored.note
    taken = {} if kept else {"seconds": round(seconds, 3)}
    return {
        "dagster/uri": store.uri(stored.dataset),
        "model": stored.model_id,
        "kept": kept,
        **taken,
        "dataset": stored.dataset,
        "trained_through": stored.trained_through.isoformat(),
        "lookback": stored.terms.lookback,
        "forward": stored.terms.forward,
        **{f"rows_{split}": count for split, count in note["rows"].items()},
        "steps": note["steps"],
        "weights_after_step": note["weights_after_step"],
        "rows_computed_at_once": note["chunk_rows"],
        "sha256": stored.sha256,
        "made_from": stored.made_from,
        "result": dg.MetadataValue.md("\n\n".join(note["words"].values()) or "Nothing to judge it on: no such rows."),
        "verdicts": dg.MetadataValue.table(_verdict_rows(note["verdicts"]), _VERDICT_SCHEMA),
        "losses": dg.MetadataValue.table([dg.TableRecord(_shown(check)) for check in note["checks"]], _LOSS_SCHEMA),
        "loss_chart": pictures([_loss_chart(stored.dataset, note["checks"])]),
    }


_LOSS_SCHEMA = dg.TableSchema(
    [dg.TableColumn("step", "int"), dg.TableColumn("training", "float"), dg.TableColumn("held_out", "float")]
)
_VERDICT_SCHEMA = dg.TableSchema(
    [
        dg.TableColumn("split", "string"),
        dg.TableColumn("group", "string"),
        dg.TableColumn("baseline", "string"),
        dg.TableColumn("rows", "int"),
        dg.TableColumn("sessions", "int"),
        dg.TableColumn("crps", "float", description="Of the network, in log return."),
        *(
            dg.TableColumn(f"{name} %", "float", description="CRPS skill over the baseline, 95 % interval.")
            for name in ("skill", "low", "high")
        ),
        *(dg.TableColumn(f"inside {round(100 * each)} %", "float") for each in INTERVALS),
    ]
)


def _verdict_rows(verdicts: dict[str, list[dict[str, Any]]]) -> list[dg.TableRecord]:
    rows = []
    for split, found in verdicts.items():
        for each in found:
            inside = {f"inside {round(100 * float(name))} %": got for name, got in each["coverage"].items()}
            for baseline, skill in each["skill"].items():
                shares = {f"{name} %": None if got is None else round(100 * got, 2) for name, got in skill.items()}
                same = {name: each[name] for name in ("group", "rows", "sessions", "crps")}
                rows.append(dg.TableRecord({"split": split, "baseline": baseline, **same, **shares, **inside}))
    return rows


def _shown(check: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in check.items()}


def _loss_chart(dataset: str, checks: list[dict[str, Any]]) -> str:
    steps = np.array([check["step"] for check in checks], dtype=np.float64)
    series = tuple(
        Series(name.replace("_", "-"), np.array([np.nan if c[name] is None else c[name] for c in checks], dtype=float))
        for name in ("training", "held_out")
    )
    facts = ("pinball loss in units of the anchor's scale", "step 0 is the anchor alone")
    return steps_chart(StepsChart(f"Losses of the action values, {dataset}", steps, series, facts=facts))
