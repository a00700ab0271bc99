"""Trains an action-value network on a dataset of samples, and judges it on the rows that training never saw.

What belongs here: from the files of a dataset to rows, and from a trained network to verdicts. What doesn't: the
network, the scores (`kernels.action_values`), and where a model is kept (`resources.action_model_store`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.action_values import (
    BUCKETS,
    ActionValueConfig,
    ActionValues,
    Baselines,
    Outcomes,
    Rows,
    Terms,
    Training,
    TrainingState,
    Verdict,
    buckets_of,
    fit_baselines,
    joined,
    judge,
    largest_chunk,
    rows_of,
    train,
)
from kernels.errors import InvalidInputError, MissingHistoryError
from kernels.memory import BatchStore
from kernels.samples import SPLITS, PhaseThresholds
from kernels.samples.starts import phases_of, window_moments
from kernels.torch_threads import one_thread
from resources.parquet_lake import fingerprint
from resources.sample_dataset import open_samples
from resources.sample_opening import open_store, read_manifest, read_notes

CODE_VERSION = "1"

JUDGED = ("validation", "test", "held_out")
"""The splits whose rows a network is judged on; validation rows have chosen when to stop."""

ROWS_OF_BASELINES = 200_000
"""Training rows at most that baselines are fitted on, the first as they are stored; they are drawn at random."""

PHASES = 4
_READ_ROWS = 8192


class Trained(NamedTuple):
    """A trained network with what it is compared with."""

    training: Training
    baselines: Baselines


@dataclass(frozen=True)
class TrainingData:
    """A dataset as training sees it.

    Attributes:
        folder: of the dataset.
        manifest: of the dataset.
        terms: of its labels.
        rows: of each split in the shards that are there.
        files: fingerprint of the shards.
        trained_through: the last session whose bar a label of the train rows, or of the validation rows, saw.
    """

    folder: str
    manifest: Mapping[str, Any]
    terms: Terms
    rows: Mapping[str, int]
    files: str
    trained_through: date

    def made_from(self, config: ActionValueConfig, seed: int, held_out_rows: int) -> str:
        """Fingerprint of everything that the weights of a training depend on."""
        return fingerprint(
            {
                "code": CODE_VERSION,
                "config": config.as_json(),
                "seed": seed,
                "held_out_rows": held_out_rows,
                "dataset": self.manifest["made_from"],
                "files": self.files,
            }
        )


def open_training_data(folder: str) -> TrainingData:
    """Look at a dataset; no shard is opened.

    Args:
        folder: `<lake>/synthetic_samples/<dataset>`.

    Raises:
        MissingHistoryError: there is no such dataset, or it has no train rows; the command that draws it is named.
        LakeError: a manifest or note that is damaged.
    """
    store = open_store(folder)
    if store.files.stamp(store.folder, "manifest.json") is None:
        raise _no_rows(folder, "no such dataset")
    manifest = read_manifest(store)
    notes = read_notes(store, str(manifest["made_from"]))
    groups = [counts for note in notes.values() for counts in note.row_groups]
    counts = np.reshape(groups, (-1, len(SPLITS))).sum(axis=0, dtype=np.int64).tolist()
    rows = dict(zip(SPLITS, counts, strict=True))
    if not rows["train"]:
        raise _no_rows(folder, f"shards without rows of the split train: {rows}")
    terms = Terms.from_json(manifest["settings"])
    last = max(manifest["blocks"][name][1] for name in ("train", "validation") if rows[name])
    place = manifest["sessions"].index(last) + terms.forward
    files = str(open_samples(folder, split="train", verify=False).state_dict()["files"])
    through = date.fromisoformat(manifest["sessions"][place])
    return TrainingData(folder, manifest, terms, rows, files, through)


def train_on(
    data: TrainingData,
    config: ActionValueConfig,
    *,
    seed: int = 7,
    held_out_rows: int = 200_000,
    workers: int = 0,
    device: str = "cpu",
    resume: TrainingState | None = None,
    checkpoint: Callable[[TrainingState], None] | None = None,
    log: Callable[[str], None] | None = None,
    sizes: BatchStore | None = None,
) -> Trained:
    """Train a network on the train rows, stopped early by the validation rows if there are any.

    Args:
        data: to train on.
        config: of the network.
        seed: of the order of the rows.
        held_out_rows: validation rows at most, the first as they are stored; at least 1.
        workers: processes that read; 0 = this one does.
        device: "cpu" or "cuda".
        resume: a state that `checkpoint` was given with the same data, config, seed and held_out_rows.
        checkpoint: called with the state at each check.
        log: called with a line at each check.
        sizes: remembers how many rows fit a GPU at once, so that they are looked for only once. None = batches are
            tried whole.

    Raises:
        InvalidInputError: an option out of its range, or a network that doesn't learn finite weights.
        BackendUnavailableError: "cuda" where PyTorch has no CUDA device.
        LakeError: a shard that is damaged.
    """
    if held_out_rows < 1:
        raise InvalidInputError(
            "option held_out_rows", expected="at least 1", got=repr(held_out_rows), mend="correct it in the run config"
        )
    baselines = _fit_baselines(data, config)
    chunk_rows = None
    # A host promises memory that it doesn't have, so there nothing is looked for.
    if device == "cuda" and sizes is not None:
        chunk_rows = largest_chunk(config, data.terms, device, sizes)
    loader = open_samples(data.folder, batch_rows=config.batch_rows, seed=seed).loader(workers=workers, device=device)
    training = train(
        config,
        data.terms,
        loader,
        baselines.pooled,
        held_out=_rows(data, config, "validation", held_out_rows, device),
        resume=resume,
        checkpoint=checkpoint,
        log=log,
        device=device,
        chunk_rows=chunk_rows,
    )
    return Trained(training, baselines)


def judge_on(
    data: TrainingData, values: ActionValues, baselines: Baselines, *, rows: int = 200_000, seed: int = 0
) -> dict[str, list[Verdict]]:
    """Judge a network on the first `rows` rows of each split that training didn't learn from.

    The verdicts of a split are those of all its rows, of held-out symbols in the sessions of the test block too, of
    each exposure after the action, and of each phase.

    Raises:
        LakeError: a shard that is damaged.
    """
    return {split: _judge(data, values, baselines, split, rows, seed) for split in JUDGED if data.rows[split]}


def _judge(
    data: TrainingData, values: ActionValues, baselines: Baselines, split: str, rows: int, seed: int
) -> list[Verdict]:
    parts: dict[str, list[npt.NDArray[Any]]] = {}
    for batch in stored_batches(data, split, rows):
        window, state, action = batch["window"], batch["state"], batch["action"]
        outcomes = outcomes_of(batch, data.terms, values.config.window)
        columns = {
            "quantiles": values.quantiles(window, state, action[:, np.newaxis])[:, 0],
            "instrument": batch["instrument"],
            "session": batch["session"],
            **outcomes._asdict(),
        }
        for name, each in columns.items():
            parts.setdefault(name, []).append(each)
    made = {name: np.concatenate(each) for name, each in parts.items()}
    known = Outcomes(made["location"], made["scale"], made["outcome"], made["bucket"])
    return judge(
        made["quantiles"],
        baselines.forecasts(known),
        known.outcome,
        made["session"],
        _groups(data, split, made["instrument"], made["session"], known.bucket),
        values.levels,
        values.forward,
        seed=seed,
    )


def _groups(
    data: TrainingData,
    split: str,
    instrument: npt.NDArray[np.int32],
    session: npt.NDArray[np.int32],
    bucket: npt.NDArray[np.int8],
) -> dict[str, npt.NDArray[np.bool_]]:
    groups = {"all": np.ones(len(session), dtype=bool)}
    blocks = data.manifest["blocks"]
    if split == "held_out" and "test" in blocks:
        first = data.manifest["sessions"].index(blocks["test"][0])
        groups["all, sessions of the test block"] = session >= first
    groups |= {name: bucket == place for place, name in enumerate(BUCKETS)}
    phase = _phases(data, instrument, session)
    return groups | {f"phase {number}": phase == number for number in range(PHASES)}


def _phases(
    data: TrainingData, instrument: npt.NDArray[np.int32], session: npt.NDArray[np.int32]
) -> npt.NDArray[np.int8]:
    """The phases of rows: batches don't hold them, so they are computed again from the panel, which is float32."""
    panel = open_store(data.folder).panel(data.manifest)
    close = np.ascontiguousarray(panel[:, :, 3], dtype=np.float64)
    thresholds = data.manifest["phase_thresholds"]
    moments = window_moments(close, instrument, session, data.terms.lookback)
    return phases_of(*moments, PhaseThresholds(tuple(thresholds["volatility"]), thresholds["skewness"]))


def _fit_baselines(data: TrainingData, config: ActionValueConfig) -> Baselines:
    parts = [
        outcomes_of(batch, data.terms, config.window) for batch in stored_batches(data, "train", ROWS_OF_BASELINES)
    ]
    return fit_baselines(Outcomes(*(np.concatenate(column) for column in zip(*parts, strict=True))), config.levels)


def outcomes_of(batch: Mapping[str, npt.NDArray[Any]], terms: Terms, window: str) -> Outcomes:
    """Anchor, outcome and exposure of the rows of a batch; `window` is out of `WINDOW_KINDS`."""
    rows = _as_rows(batch, terms, window)
    bucket = buckets_of(batch["state"], batch["action"])
    return Outcomes(rows.location.numpy(), rows.scale.numpy(), rows.outcome.numpy(), bucket)


def _rows(data: TrainingData, config: ActionValueConfig, split: str, count: int, device: str) -> Rows | None:
    if not data.rows[split]:
        return None
    with one_thread():
        rows = joined(_as_rows(batch, data.terms, config.window) for batch in stored_batches(data, split, count))
    return Rows(*(each.to(device) for each in rows))


def _as_rows(batch: Mapping[str, npt.NDArray[Any]], terms: Terms, window: str) -> Rows:
    import torch

    with one_thread():
        names = ("window", "state", "action", "label")
        return rows_of({name: torch.from_numpy(np.ascontiguousarray(batch[name])) for name in names}, terms, window)


def stored_batches(data: TrainingData, split: str, count: int) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """The first `count` rows of a split as they are stored, in batches."""
    left = min(count, data.rows[split])
    for batch in open_samples(data.folder, split=split, batch_rows=_READ_ROWS, shuffle=False):
        yield {name: values[:left] for name, values in batch.items()}
        left -= len(batch["window"])
        if left <= 0:
            return


def _no_rows(folder: str, got: str) -> MissingHistoryError:
    dataset = folder.rstrip("/").rsplit("/", 1)[-1]
    return MissingHistoryError(
        f"dataset {folder}",
        expected="synthetic samples to train on",
        got=got,
        mend="draw them: dagster job execute -m definitions -j synthetic_dataset --tags "
        f'\'{{"dagster/partition": "shard-000"}}\', with dataset: {dataset} in the run config; see '
        "docs/synthetic-data.md",
    )
