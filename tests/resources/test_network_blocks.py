"""What computes sees blocks of one shape, filled up with 0, on one thread, whatever it is given."""

import numpy as np
import pytest
import torch

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
