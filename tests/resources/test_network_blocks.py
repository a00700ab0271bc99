"""What computes sees blocks of one shape, filled up with 0, on one thread, whatever it is given."""

import numpy as np
import pytest
import torch

from kernels.errors import BackendUnavailableError
from resources.network_blocks import BLOCK_ROWS, in_blocks


@pytest.mark.parametrize("rows", [0, 1, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1, 2 * BLOCK_ROWS + 63])
def test_blocks_have_one_shape_and_rows_keep_their_places(rows):
    inputs = np.random.default_rng(1).normal(1.0, 0.1, (rows, 3)).astype(np.float32)
    seen: list[torch.Tensor] = []
    before = torch.get_num_threads()
    torch.set_num_threads(2)

    def compute(block: torch.Tensor) -> torch.Tensor:
        assert (block.shape, block.dtype) == ((BLOCK_ROWS, 3), torch.float32)
        assert block.is_contiguous()
        assert block.data_ptr() % 64 == 0
        assert torch.get_num_threads() == 1
        assert torch.is_inference_mode_enabled()
        seen.append(block.clone())
        return block[:, :2, None] * 2.0

    try:
        found = in_blocks(compute, inputs, (2, 1), "cpu")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert (found.shape, found.dtype) == ((rows, 2, 1), np.float32)
    assert found.tobytes() == np.ascontiguousarray(inputs[:, :2, None] * np.float32(2.0)).tobytes()
    assert len(seen) == -(-rows // BLOCK_ROWS)
    filled = torch.cat([torch.zeros(0, 3), *seen]).numpy()
    assert filled[:rows].tobytes() == inputs.tobytes()
    assert not filled[rows:].any()


def test_threads_are_given_back_after_an_error():
    def fail(block: torch.Tensor) -> torch.Tensor:
        raise RuntimeError(f"{len(block)} rows are too many")

    before = torch.get_num_threads()
    with pytest.raises(RuntimeError, match="2048 rows are too many"):
        in_blocks(fail, np.zeros((1, 3), dtype=np.float32), (1,), "cpu")
    assert torch.get_num_threads() == before


@pytest.fixture
def uploads(monkeypatch) -> list[int]:
    """Bytes of each upload; "cuda" is the host's memory."""
    made: list[int] = []
    to, empty = torch.Tensor.to, torch.empty

    def counted(tensor: torch.Tensor, device: str) -> torch.Tensor:
        assert device == "cuda"
        made.append(tensor.nbytes)
        return to(tensor, "cpu").clone()

    monkeypatch.setattr(torch.Tensor, "to", counted)
    monkeypatch.setattr(torch, "empty", lambda *shape, **options: empty(*shape, **options | {"device": "cpu"}))
    return made


@pytest.mark.parametrize("fits", [1, 2, 3, 100])
def test_on_a_gpu_inputs_go_up_once_and_what_does_not_fit_is_halved_without_another_byte(uploads, fits):
    blocks = 5
    inputs = np.random.default_rng(1).normal(1.0, 0.1, (blocks * BLOCK_ROWS - 7, 3)).astype(np.float32)
    limit = fits * BLOCK_ROWS * inputs.shape[1] * 4

    def compute(block: torch.Tensor) -> torch.Tensor:
        assert block.shape == (BLOCK_ROWS, 3)
        if uploads[-1] > limit:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return block[:, :2] * 2.0

    found = in_blocks(compute, inputs, (2,), "cuda")
    assert found.tobytes() == np.ascontiguousarray(inputs[:, :2] * np.float32(2.0)).tobytes()
    assert sum(size for size in uploads if size <= limit) == blocks * BLOCK_ROWS * inputs.shape[1] * 4
    assert (len(uploads) == 1) == (fits >= blocks)


def test_a_block_that_does_not_fit_is_named(uploads):
    def fail(block: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError(f"CUDA has no room for {len(block)}")

    with pytest.raises(
        BackendUnavailableError, match=r"room for 2,048 rows of the network, those of block 0; got CUDA"
    ):
        in_blocks(fail, np.zeros((3 * BLOCK_ROWS, 3), dtype=np.float32), (1,), "cuda")
    # Three blocks, then the first of them.
    assert len(uploads) == 2
