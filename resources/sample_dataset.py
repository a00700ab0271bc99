"""The samples of a dataset as batches of arrays: shuffled, dealt to ranks, and resumable at any batch.

from resources.sample_dataset import open_samples

samples = open_samples("data/lake-simulated/synthetic_samples/default", split="train", batch_rows=4096, seed=7)
for batch in samples:                                  # NumPy arrays
    ...
for batch in samples.loader(workers=2, device="cpu"):  # torch tensors
    ...
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.samples import SPLITS
from resources.sample_batches import BatchMaker, scalers_of
from resources.sample_opening import open_store, read_manifest, read_notes
from resources.sample_reader import GROUPS, Arrays, UnitReader
from resources.sample_store import ShardNote
from resources.sample_units import Order, Unit, deal, units_of

if TYPE_CHECKING:
    from resources.sample_loader import SampleLoader

Rows = TypeVar("Rows")
Batch = TypeVar("Batch")


class Position(NamedTuple):
    """How far an epoch has come: `units` of this rank are done, and `batches` of the next one."""

    epoch: int
    units: int
    batches: int


@dataclass(frozen=True)
class Choice:
    """What `open_samples` was asked for. The order of the batches depends on this and the files only."""

    split: str
    batch_rows: int
    seed: int
    shuffle: bool
    rank: int
    world: int

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise InvalidInputError(
                "samples, split", expected=f"one of {', '.join(SPLITS)}", got=repr(self.split), mend="correct `split`"
            )
        _require_whole("batch_rows", self.batch_rows, 1, 2**31 - 1)
        _require_whole("seed", self.seed, 0, 2**63 - 1)
        _require_whole("world", self.world, 1, 2**31 - 1)
        _require_whole("rank", self.rank, 0, self.world - 1)


def open_samples(
    folder: str,
    *,
    split: str = "train",
    batch_rows: int = 4096,
    seed: int = 7,
    shuffle: bool = True,
    rank: int = 0,
    world: int = 1,
    windows: bool = True,
    normalise: bool = False,
    verify: bool = True,
) -> "Samples":
    """Open a dataset. Manifest, notes and panel are read and checked; no shard is opened.

    Args:
        folder: of the dataset, `<lake>/synthetic_samples/<dataset>`, a local path or an fsspec URL.
        split: "train", "validation", "test" or "held_out".
        batch_rows: rows of a batch, at least 1; the last batch of a row group is smaller.
        seed: of the order, 0..2**63-1.
        shuffle: whether row groups, and rows within them, come in random order; else as they are stored.
        rank: of this process among those that train together, 0..world-1.
        world: how many they are. Together they get each row once; their numbers of batches may differ.
        windows: whether batches have windows.
        normalise: whether windows, states and actions are scaled with the manifest's scalers, (x - mean) / standard
            deviation in float32, and NaN, "no such leg", becomes 0. Labels are never scaled and keep their NaN.
        verify: whether the SHA-256 of each shard is compared with its note before it is first used.

    Raises:
        InvalidInputError: an option that makes no sense, a split without rows, or more ranks than row groups.
        LakeError: a manifest, note, shard or panel that is missing, damaged, or doesn't belong to the others.
    """
    choice = Choice(split, batch_rows, seed, shuffle, rank, world)
    store = open_store(folder)
    manifest = read_manifest(store)
    notes = read_notes(store, str(manifest["made_from"]))
    units = units_of(notes, split)
    _require_rows(choice, units, notes)
    lookback = int(manifest["settings"]["lookback"])
    indexed = manifest["layout"] == "index"
    days = np.array(manifest["sessions"], dtype="datetime64[D]").astype(np.int32)
    columns = np.full(days[-1] - days[0] + 1, -1, dtype=np.int32)
    columns[days - days[0]] = np.arange(len(days))
    reader = UnitReader(
        store=store,
        notes=notes,
        split=split,
        first_day=int(days[0]),
        columns=columns,
        lookback=lookback if windows and not indexed else 0,
        verify=verify,
    )
    channels = [f"window_{channel}" for channel in manifest["window_channels"]]
    inputs = {"window": channels, "state": GROUPS["state"], "action": GROUPS["action"]}
    maker = BatchMaker(
        panel=store.panel(manifest) if windows and indexed else None,
        lookback=lookback,
        scalers=scalers_of(manifest["scalers"], inputs) if normalise else {},
    )
    return Samples(manifest, choice, units, reader, maker)


class Samples:
    """The rows of one split of a dataset, as batches; made by `open_samples`.

    Each iteration is an epoch, shuffled anew, and the next one is the next epoch. One that was left early is begun
    again. Iterate once at a time: all iterations share the position.

    A batch is a dict of arrays with `b` <= `batch_rows` rows:
        window: float32 [b, lookback, 5], prices / last close, log volume - the last; not with `windows=False`.
        state, action, label: float32 [b, columns]; NaN where there is no such leg or the label is undefined; yes or
            no is 1 or 0, and codes and counts are whole numbers.
        instrument, session: int32 [b], positions in `symbols` and `sessions`.

    Attributes:
        manifest: what the dataset says of itself.
        choice: what was asked for.
        rows: of the split, over all ranks.
        largest_unit: rows of the largest unit that is read at a time.
        symbols, sessions: what instruments and sessions are positions in; sessions are `datetime64[D]` [T].
        state_columns, action_columns, label_columns, window_channels: names along the last axis of the arrays.
        scalers: mean and standard deviation by column over train rows, those of the labels too.
        reader, maker: what reads units, and what makes batches of their rows.
    """

    def __init__(
        self, manifest: dict[str, Any], choice: Choice, units: tuple[Unit, ...], reader: UnitReader, maker: BatchMaker
    ) -> None:
        self.manifest = manifest
        self.choice = choice
        self.rows = sum(unit.rows for unit in units)
        self.symbols = tuple(manifest["symbols"])
        self.sessions: npt.NDArray[np.datetime64] = np.array(manifest["sessions"], dtype="datetime64[D]")
        self.state_columns, self.action_columns, self.label_columns = (
            GROUPS[group] for group in ("state", "action", "label")
        )
        self.window_channels = tuple(manifest["window_channels"])
        self.scalers = {name: (float(mean), float(sd)) for name, (mean, sd) in manifest["scalers"].items()}
        self.reader = reader
        self.maker = maker
        self.largest_unit = max(unit.rows for unit in units)
        self._units = units
        self._next = self._reached = Position(0, 0, 0)

    def __len__(self) -> int:
        """Batches of this rank in the epoch that comes next."""
        return sum(self._batches_of(unit) for unit in self._dealt(self._next.epoch))

    def __iter__(self) -> Iterator[Arrays]:
        """The rest of the epoch as NumPy arrays.

        Raises:
            LakeError: a shard that is gone, damaged, or other than its note says.
        """
        return self.batches(lambda units, order: (self.reader.read(unit, order) for unit in units), self.maker)

    def loader(self, *, workers: int = 0, device: str = "cpu", start_method: str | None = None) -> "SampleLoader":
        """The same batches as torch tensors on a device, in the same order however many workers there are.

        Args:
            workers: processes that read the files; 0 = this process reads.
            device: "cpu", "cuda" or "cuda:1": where the tensors are, and where windows are gathered.
            start_method: of the workers, "fork", "spawn" or "forkserver"; None = as torch would.

        Raises:
            InvalidInputError: `workers` is no number of processes.
            BackendUnavailableError: torch can't use the device.
        """
        from resources.sample_loader import SampleLoader

        return SampleLoader(self, workers, device, start_method)

    def batches(
        self,
        read: Callable[[list[Unit], Order], Iterable[Rows]],
        make: Callable[[Rows, int, int], Batch],
    ) -> Iterator[Batch]:
        """The rest of the epoch: `read` gives the rows of each unit, `make` a batch out of rows first to last."""
        start = self._reached = self._next
        self._next = Position(start.epoch, 0, 0)
        return self._run(start, read, make)

    @property
    def position(self) -> Position:
        """Where the latest iteration is, all batches that it has given counted as done."""
        return self._reached

    def set_epoch(self, epoch: int) -> None:
        """Go to the start of an epoch, numbered from 0.

        Raises:
            InvalidInputError: no whole number, or a negative one.
        """
        _require_whole("epoch", epoch, 0, 2**63 - 1)
        self._next = self._reached = Position(epoch, 0, 0)

    def state_dict(self) -> dict[str, Any]:
        """The position, and what it is a position in: plain numbers and strings."""
        return {"position": list(self._reached), **asdict(self.choice), "files": self._fingerprint()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to a position, so that the next iteration gives exactly the batches that were still to come.

        Raises:
            InvalidInputError: the state is of other samples, in another order, or of another rank.
        """
        for name, ours in {**asdict(self.choice), "files": self._fingerprint()}.items():
            if state.get(name) != ours:
                raise InvalidInputError(
                    f"state of samples, {name}",
                    expected=repr(ours),
                    got=repr(state.get(name)),
                    mend="open the same files with the options that the state was saved with",
                )
        self._next = self._reached = Position(*state["position"])

    def _run(
        self,
        start: Position,
        read: Callable[[list[Unit], Order], Iterable[Rows]],
        make: Callable[[Rows, int, int], Batch],
    ) -> Iterator[Batch]:
        size, skipped = self.choice.batch_rows, start.batches
        units = self._dealt(start.epoch)[start.units :]
        order = Order(self.choice.seed, start.epoch, self.choice.shuffle)
        for done, (unit, rows) in enumerate(zip(units, read(units, order), strict=True), start.units):
            count = self._batches_of(unit)
            for number in range(skipped, count):
                batch = make(rows, number * size, min(number * size + size, unit.rows))
                whole = number + 1 == count
                self._reached = Position(start.epoch, done + whole, 0 if whole else number + 1)
                yield batch
            skipped = 0
        self._next = self._reached = Position(start.epoch + 1, 0, 0)

    def _dealt(self, epoch: int) -> list[Unit]:
        order = Order(self.choice.seed, epoch, self.choice.shuffle)
        return deal(self._units, order, self.choice.rank, self.choice.world)

    def _batches_of(self, unit: Unit) -> int:
        return -(-unit.rows // self.choice.batch_rows)

    def _fingerprint(self) -> str:
        digests = [f"{shard}={note.sha256}" for shard, note in sorted(self.reader.notes.items())]
        return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _require_rows(choice: Choice, units: tuple[Unit, ...], notes: Mapping[int, ShardNote]) -> None:
    if not units:
        groups = [counts for note in notes.values() for counts in note.row_groups]
        counts = np.reshape(groups, (-1, len(SPLITS))).sum(axis=0, dtype=np.int64)
        found = ", ".join(f"{count:,} of {split}" for split, count in zip(SPLITS, counts, strict=True))
        raise InvalidInputError(
            "samples, split",
            expected=f"rows of {choice.split}",
            got=found,
            mend="choose a split that has rows, or draw more shards",
        )
    if len(units) < choice.world:
        raise InvalidInputError(
            "samples, world",
            expected=f"at most {len(units)} ranks, one for each row group that has rows of {choice.split}",
            got=str(choice.world),
            mend="lower `world`, or draw more shards",
        )


def _require_whole(name: str, value: object, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InvalidInputError(
            f"samples, {name}",
            expected=f"a whole number from {low:,} to {high:,}",
            got=repr(value),
            mend=f"pass `{name}` within this range",
        )
