from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from kernels.errors import InvalidInputError
from kernels.memory import Device, to_cupy, to_torch
from kernels.memory.bridge import DTYPES


def _host(array: Any) -> torch.Tensor:
    return to_torch(array, on="cpu")


@pytest.mark.parametrize("dtype", sorted(DTYPES))
def test_every_common_type_goes_there_and_back_in_the_same_memory(dtype: str) -> None:
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    tensor = _host(array)
    assert (str(tensor.dtype), tuple(tensor.shape)) == (f"torch.{dtype}", array.shape)
    assert tensor.data_ptr() == array.ctypes.data
    back = to_cupy(tensor, on="cpu")
    assert (back.dtype, back.ctypes.data) == (array.dtype, array.ctypes.data)
    np.testing.assert_array_equal(back, array)


def test_what_is_written_on_one_side_is_seen_on_the_other() -> None:
    array = np.zeros(3)
    tensor = _host(array)
    tensor[1] = 5.0
    array[2] = 7.0
    assert array.tolist() == tensor.tolist() == [0.0, 5.0, 7.0]
    back = to_cupy(tensor, on="cpu")
    back[0] = 9.0
    assert array[0] == 9.0


@pytest.mark.parametrize(
    "take",
    [lambda a: a.T, lambda a: a[:, 1::2], lambda a: a[1:], lambda a: a[:, :, None], lambda a: a[0, 0], lambda a: a[:0]],
    ids=["transposed", "every second column", "part", "with an axis", "one number", "nothing"],
)
def test_views_stay_views(take: Any) -> None:
    view = take(np.arange(24.0).reshape(4, 6))
    view = np.asarray(view) if isinstance(view, np.ndarray) else np.array(view)
    tensor = _host(view)
    assert tuple(stride * 8 for stride in tensor.stride()) == view.strides or view.size == 0
    np.testing.assert_array_equal(tensor.numpy(), view)
    np.testing.assert_array_equal(to_cupy(tensor, on="cpu"), view)


def test_the_memory_lives_as_long_as_either_side() -> None:
    tensor = _host(np.full(100_000, 3.0))
    others = [np.full(100_000, -1.0) for _ in range(5)]
    assert (tensor == 3.0).all()
    array = to_cupy(torch.full((100_000,), 4.0), on="cpu")
    del others
    assert (array == 4.0).all()


def _read_only() -> np.ndarray:
    array = np.zeros(3)
    array.flags.writeable = False
    return array


class _Copying(np.ndarray):
    """An array whose DLPack gives a copy away."""

    def __dlpack__(self, **options: Any) -> Any:
        return np.array(self).view(np.ndarray).__dlpack__(**options)


@pytest.mark.parametrize(
    ("array", "got", "mend"),
    [
        (np.arange(4.0)[::-1], r"runs backwards: strides of \(-8,\) bytes", "np.ascontiguousarray(array)"),
        (np.zeros((3, 4))[:, ::-2], r"runs backwards", "np.ascontiguousarray(array)"),
        (_read_only(), "a read-only one", "array.copy()"),
        (np.broadcast_to(np.zeros(3), (2, 3)), "a read-only one", "array.copy()"),
        (np.zeros(4, [("a", "f8"), ("b", "i4")])["a"], "a field of records", "np.ascontiguousarray(array)"),
        (np.zeros(3, ">f8"), "one of '>f8'", "array.astype(np.float64)"),
        (np.zeros(3, "M8[D]"), r"one of '<M8\[D\]'", "np.int64 for dates"),
        (np.array(["a"]), "one of '<U1'", "array.astype"),
        (np.array([None]), r"one of '\|O'", "array.astype"),
        (np.zeros(3, np.longdouble), "one of '<f16'", "array.astype"),
        (np.arange(3.0).view(_Copying), "a copy: DLPack made memory at 0x", "array.copy()"),
        ([1.0, 2.0], "a builtins.list", "pass the array itself"),
        (torch.zeros(3), "a torch.Tensor", "pass the array itself"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_array_that_would_need_a_copy_is_refused_with_the_call_that_mends_it(
    array: Any, got: str, mend: str
) -> None:
    with pytest.raises(InvalidInputError, match=got) as caught:
        _host(array)
    assert caught.value.expected == "a NumPy array whose memory can be shared"
    assert mend in caught.value.mend


@pytest.mark.parametrize(
    ("tensor", "got", "mend"),
    [
        (torch.zeros(3, requires_grad=True), "requires a gradient", "tensor.detach()"),
        (torch.zeros(3, dtype=torch.bfloat16), "one of bfloat16", "tensor.float()"),
        (torch.zeros(3, 3).to_sparse(), "layout torch.sparse_coo", "tensor.to_dense()"),
        (torch.zeros(3, dtype=torch.cfloat).conj(), "conjugated or negated", "tensor.resolve_conj()"),
        (torch.ones(3, dtype=torch.cfloat).conj().imag, "conjugated or negated", "resolve_neg()"),
        (torch.zeros(3, device="meta"), "one on meta", 'tensor.to("cpu")'),
        (np.zeros(3), "a numpy.ndarray", "pass the tensor itself"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_tensor_that_would_need_a_copy_is_refused_with_the_call_that_mends_it(
    tensor: Any, got: str, mend: str
) -> None:
    with pytest.raises(InvalidInputError, match=got) as caught:
        to_cupy(tensor, on="cpu")
    assert caught.value.expected == "a tensor on cpu whose memory can be shared"
    assert mend in caught.value.mend


def test_memory_of_the_host_is_not_taken_for_the_device() -> None:
    with pytest.raises(InvalidInputError, match=r"a NumPy array, in the host's memory.*Device\.upload\(array\)"):
        to_torch(np.zeros(3), on="cuda")
    with pytest.raises(InvalidInputError, match=r'one on cpu.*tensor\.to\("cuda"\)'):
        to_cupy(torch.zeros(3), on="cuda")


def test_memory_of_the_device_is_not_taken_for_the_host() -> None:
    array = type("ndarray", (), {"__module__": "cupy"})()
    with pytest.raises(InvalidInputError, match=r"a CuPy array, in the device's memory.*Device\.download\(array\)"):
        to_torch(array, on="cpu")


def test_another_place_is_no_place() -> None:
    with pytest.raises(InvalidInputError, match=r"bridge, on.*'gpu'"):
        to_torch(np.zeros(3), on="gpu")  # type: ignore[arg-type]


def test_where_the_simulator_plays_the_device_its_arrays_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    from kernels.device import Support
    from kernels.memory import arrays, bridge

    simulated = Support(True, "the CUDA simulator", simulated=True)
    for module in (arrays, bridge):
        monkeypatch.setattr(module, "gpu_support", lambda: simulated)
    array = Device().xp.arange(5.0)
    tensor = to_torch(array)
    assert tensor.data_ptr() == array.ctypes.data
    assert to_cupy(tensor).ctypes.data == array.ctypes.data
