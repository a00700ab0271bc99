"""Batches as torch tensors: those of NumPy, whatever reads them and wherever they are made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kernels.errors import BackendUnavailableError, LakeError
from kernels.samples import gather_windows
from resources.sample_batches import TorchBatchMaker, gather_on_device
from resources.sample_dataset import open_samples
from resources.sample_units import Order
from tests.sample_files import SESSIONS, SYMBOLS, SmallDataset, assert_equal, flat

ROOT = Path(__file__).resolve().parents[2]

# torch advises against more workers than CPUs, which a test may have.
few_cpus = pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")


@pytest.fixture(params=["index", "windowed"])
def dataset(request: pytest.FixtureRequest, tmp_path: Path) -> SmallDataset:
    return SmallDataset(str(tmp_path / "lake"), request.param)


@pytest.fixture
def small(tmp_path: Path) -> SmallDataset:
    return SmallDataset(str(tmp_path / "lake"))


@few_cpus
@pytest.mark.parametrize("workers", [0, 1, 2, 3])
def test_workers_change_neither_the_batches_nor_their_order(dataset: SmallDataset, workers: int) -> None:
    for rank in range(2):
        options: dict[str, Any] = {"batch_rows": 16, "rank": rank, "world": 2}
        samples = open_samples(dataset.folder, **options)
        loader = open_samples(dataset.folder, **options).loader(workers=workers)
        assert len(loader) == len(samples)
        for _ in range(2):
            batches = list(loader)
            assert all(isinstance(values, torch.Tensor) for batch in batches for values in batch.values())
            assert_equal(batches, samples)


def test_a_spawned_worker_gives_the_same_batches(tmp_path: Path) -> None:
    # A process of its own: a spawned worker imports the main module, and must not find this test there.
    dataset = SmallDataset(str(tmp_path / "lake"))
    script = tmp_path / "spawning.py"
    script.write_text(
        "import sys\n"
        "from resources.sample_dataset import open_samples\n"
        "if __name__ == '__main__':\n"
        "    loader = open_samples(sys.argv[1], batch_rows=16).loader(workers=1, start_method='spawn')\n"
        "    print([row for batch in loader for row in batch['state'][:, 0].tolist()])\n"
    )
    command = [sys.executable, "-W", "error", str(script), dataset.folder]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.strip() == str(flat(open_samples(dataset.folder, batch_rows=16)))


def test_loading_leaves_the_random_numbers_of_the_training_alone(small: SmallDataset) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    for workers in (0, 1):
        torch.manual_seed(5)
        list(open_samples(small.folder).loader(workers=workers))
        assert torch.equal(torch.rand(3), expected)


def test_a_batch_can_be_changed_without_changing_another(dataset: SmallDataset) -> None:
    for workers in (0, 1):
        expected = list(open_samples(dataset.folder, batch_rows=16))
        got = []
        for batch in open_samples(dataset.folder, batch_rows=16).loader(workers=workers):
            got.append({name: values.clone() for name, values in batch.items()})
            for values in batch.values():
                values.fill_(-9)
        assert_equal(got, expected)


def test_the_position_counts_batches_given_not_batches_read_ahead(small: SmallDataset) -> None:
    loader = open_samples(small.folder, batch_rows=8, shuffle=False).loader(workers=2)
    assert loader.position == (0, 0, 0)
    running = iter(loader)
    next(running)
    assert loader.position == (0, 0, 1)
    while loader.position.units == 0:
        next(running)
    assert loader.position == (0, 1, 0)


@pytest.mark.parametrize("lookback", [1, 2, 8, SESSIONS])
def test_windows_gathered_by_torch_have_the_same_bits(small: SmallDataset, lookback: int) -> None:
    rng = np.random.default_rng(2)
    small.panel[2, 5] = np.nan
    instrument = rng.integers(0, SYMBOLS, 300).astype(np.int32)
    session = rng.integers(lookback - 1, SESSIONS, 300).astype(np.int32)
    expected = gather_windows(small.panel, instrument, session, lookback)
    got = gather_on_device(*(torch.from_numpy(each) for each in (small.panel, instrument, session)), lookback)
    np.testing.assert_array_equal(got.numpy(), expected, strict=True)


@few_cpus
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("normalise", [False, True])
def test_the_way_over_a_device_gives_the_same_bits(dataset: SmallDataset, workers: int, normalise: bool) -> None:
    options: dict[str, Any] = {"batch_rows": 16, "normalise": normalise}
    samples = open_samples(dataset.folder, **options)
    loader = open_samples(dataset.folder, **options).loader(workers=workers)
    # On the CPU too: what a GPU would be given.
    assert_equal(loader._on_device(), samples)
    assert isinstance(loader._device_maker, TorchBatchMaker)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_missing_device_is_named(small: SmallDataset) -> None:
    with pytest.raises(BackendUnavailableError, match="CUDA device"):
        open_samples(small.folder).loader(device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
@pytest.mark.parametrize("workers", [0, 1])
def test_batches_on_a_gpu_have_the_same_bits(dataset: SmallDataset, workers: int) -> None:
    options: dict[str, Any] = {"batch_rows": 16, "normalise": True}
    loader = open_samples(dataset.folder, **options).loader(workers=workers, device="cuda")
    batches = [{name: values.cpu() for name, values in batch.items()} for batch in loader]
    assert_equal(batches, open_samples(dataset.folder, **options))


def test_a_lake_in_memory_is_read_too(root: str) -> None:
    dataset = SmallDataset(root)
    expected = dataset.of_split("train")
    for workers in (0, 1):
        loader = open_samples(dataset.folder + "/", shuffle=False).loader(workers=workers)
        np.testing.assert_array_equal(np.concatenate([batch["window"] for batch in loader]), expected["window"])


def test_what_workers_have_verified_the_next_ones_do_not_verify_again(small: SmallDataset) -> None:
    samples = open_samples(small.folder, batch_rows=1000)
    assert flat(samples.loader(workers=2))
    assert samples.reader.verified == {0, 1, 2}


def test_the_outline_of_a_unit_is_what_is_read(dataset: SmallDataset) -> None:
    samples = open_samples(dataset.folder, shuffle=False)
    for unit in samples._units:
        read = samples.reader.read(unit, Order(7, 0, False))
        outline = samples.reader.outline(unit.rows)
        assert [(name, values.dtype, values.shape) for name, values in outline.items()] == [
            (name, values.dtype, values.shape) for name, values in read.items()
        ]
    assert samples.largest_unit == max(unit.rows for unit in samples._units)


@pytest.mark.parametrize("workers", [0, 1])
def test_on_the_way_over_a_device_too_what_comes_before_a_damaged_shard_is_given(
    small: SmallDataset, workers: int
) -> None:
    batches = flat(open_samples(small.folder, batch_rows=16, shuffle=False))
    Path(small.store.shard_uri(1)).write_bytes(b"no Parquet")
    given = []
    for way in ("_on_cpu", "_on_device"):
        loader = open_samples(small.folder, batch_rows=16, shuffle=False).loader(workers=workers)
        got: list[float] = []
        with pytest.raises(LakeError, match="shard-001"):
            got.extend(row for batch in getattr(loader, way)() for row in batch["state"][:, 0].tolist())
        assert 0 < len(got) < len(batches)
        assert got == batches[: len(got)]
        given.append((got, loader.position))
    assert given[0] == given[1]
