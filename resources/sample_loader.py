"""The samples of a dataset as torch tensors: read by worker processes, made into batches in the process that trains.

Workers read whole units and pass them on through shared memory; windows are gathered afterwards, here or on the device,
so they never travel between processes, and the batches and their order don't depend on the workers. To a device, units
go through a ring of pinned buffers: the next one is copied while there are still batches of the one before.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from kernels.errors import BackendUnavailableError, InvalidInputError, WavemillError
from kernels.memory import StagingRing, bytes_needed
from resources.lake_files import LakeFiles
from resources.sample_batches import TorchBatchMaker
from resources.sample_reader import Arrays, UnitReader
from resources.sample_store import SampleStore
from resources.sample_units import Order, Unit

if TYPE_CHECKING:
    import torch

    from resources.sample_dataset import Position, Samples

_PREFETCHED_UNITS = 2
_SLOTS = 2


class SampleLoader:
    """Batches of tensors on a device, made by `Samples.loader`; it shares its position with the samples.

    Attributes:
        samples: what is loaded.
        workers: processes that read; 0 = this one does.
        device: where the tensors are.
    """

    def __init__(self, samples: "Samples", workers: int, device: str, start_method: str | None) -> None:
        import torch

        if not isinstance(workers, int) or isinstance(workers, bool) or workers < 0:
            raise InvalidInputError(
                "loader, workers", expected="a whole number, at least 0", got=repr(workers), mend="pass workers=2, say"
            )
        self.samples = samples
        self.workers = workers
        self.device = _usable(torch.device(device))
        self._start_method = start_method
        self._device_maker: TorchBatchMaker | None = None
        self._ring: StagingRing | None = None

    def __len__(self) -> int:
        """Batches of this rank in an epoch."""
        return len(self.samples)

    def __iter__(self) -> "Iterator[dict[str, torch.Tensor]]":
        """The rest of the epoch, as `Samples.__iter__` gives it.

        Raises:
            LakeError: a shard that is gone, damaged, or other than its note says.
            RuntimeError: torch's, when a worker was killed.
        """
        if self.device.type == "cpu":
            return self._on_cpu()
        return self._on_device()

    def state_dict(self) -> dict[str, Any]:
        """As `Samples.state_dict`; what workers have read ahead doesn't count."""
        return self.samples.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """As `Samples.load_state_dict`."""
        self.samples.load_state_dict(state)

    def set_epoch(self, epoch: int) -> None:
        """As `Samples.set_epoch`."""
        self.samples.set_epoch(epoch)

    @property
    def position(self) -> "Position":
        """As `Samples.position`."""
        return self.samples.position

    def _on_cpu(self) -> "Iterator[dict[str, torch.Tensor]]":
        import torch

        samples = self.samples
        batches = samples.batches(self._arrays, self._make_own) if self.workers else iter(samples)
        for batch in batches:
            yield {name: torch.from_numpy(values) for name, values in batch.items()}

    def _arrays(self, units: list[Unit], order: Order) -> Iterator[Arrays]:
        for rows in self._units(units, order):
            yield {name: values.numpy() for name, values in rows.items()}

    def _make_own(self, rows: Arrays, first: int, last: int) -> Arrays:
        """A batch that owns its memory: one that somebody keeps must not keep a worker's shared memory open."""
        return self.samples.maker({name: values[first:last].copy() for name, values in rows.items()}, 0, last - first)

    def _on_device(self) -> "Iterator[dict[str, torch.Tensor]]":
        if self._device_maker is None:
            self._device_maker = TorchBatchMaker(self.samples.maker, self.device)
        if self._ring is None:
            largest = self.samples.reader.outline(self.samples.largest_unit)
            self._ring = StagingRing(self.device, _SLOTS, bytes_needed(largest))
        ring = self._ring
        return self.samples.batches(lambda units, order: ring.stream(self._units(units, order)), self._device_maker)

    def _units(self, units: list[Unit], order: Order) -> "Iterator[dict[str, torch.Tensor]]":
        import torch
        from torch.utils.data import DataLoader

        reader = self.samples.reader
        loader = DataLoader(
            unit_dataset(replace(reader, threads=not self.workers), units, order),
            batch_size=None,
            num_workers=self.workers,
            prefetch_factor=_PREFETCHED_UNITS if self.workers else None,
            multiprocessing_context=self._start_method if self.workers else None,
            # Else the loader draws a seed from torch's global generator, and changes what a model draws.
            generator=torch.Generator(),
        )
        for unit, rows in zip(units, loader, strict=True):
            if isinstance(rows, WavemillError):
                raise rows
            reader.verified.add(unit.shard)
            yield rows


def unit_dataset(reader: UnitReader, units: list[Unit], order: Order) -> "Any":
    """A torch `IterableDataset` of the rows of `units`, each a dict of tensors; worker w of W reads every W-th.

    It can be pickled, though torch isn't imported before somebody asks for it.
    """
    return _dataset_class()(reader, units, order)


@cache
def _dataset_class() -> Any:
    import torch
    from torch.utils.data import IterableDataset, get_worker_info

    class UnitDataset(IterableDataset):  # type: ignore[type-arg]
        def __init__(self, reader: UnitReader, units: list[Unit], order: Order) -> None:
            self._made_from = reader, units, order

        def __reduce__(self) -> tuple[Any, ...]:
            return unit_dataset, self._made_from

        def __iter__(self) -> Iterator[Any]:
            reader, units, order = self._made_from
            worker = get_worker_info()
            if worker is not None:
                # Of its own: the connections of a file system don't live through a fork.
                store = SampleStore(LakeFiles(reader.store.files.root), reader.store.dataset)
                reader = replace(reader, store=store)
            for unit in units if worker is None else units[worker.id :: worker.num_workers]:
                try:
                    arrays = reader.read(unit, order)
                except WavemillError as error:
                    if worker is None:
                        raise
                    # torch would make a RuntimeError of it: it builds errors from their message alone.
                    yield error
                    return
                rows = {name: torch.from_numpy(values) for name, values in arrays.items()}
                # Shared here and not by the queue's thread, which a spawned worker may end in the middle of a copy.
                if worker is not None:
                    for values in rows.values():
                        values.share_memory_()  # type: ignore[no-untyped-call]
                yield rows

    return UnitDataset


def _usable(device: "torch.device") -> "torch.device":
    import torch

    if device.type == "cuda" and not torch.cuda.is_available():
        raise BackendUnavailableError(
            "loader, device",
            expected="a CUDA device that torch can use",
            got=str(device),
            mend='pass device="cpu", or install a torch with CUDA on a machine with an NVIDIA GPU',
        )
    return device
