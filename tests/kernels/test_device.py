from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import numba
import pytest

from kernels import device
from kernels.device import Choice, Support, choose, gpu_support
from kernels.errors import BackendUnavailableError, InvalidInputError, WavemillError


@pytest.fixture(autouse=True)
def _fresh_support() -> Iterator[None]:
    gpu_support.cache_clear()
    yield
    gpu_support.cache_clear()


def _support(monkeypatch: pytest.MonkeyPatch, ok: bool, reason: str) -> None:
    monkeypatch.setattr(device, "gpu_support", lambda: Support(ok, reason))


def _no_look(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Support:
        raise AssertionError("the device was looked at")

    monkeypatch.setattr(device, "gpu_support", refuse)


def _cuda(monkeypatch: pytest.MonkeyPatch, **functions: object) -> None:
    monkeypatch.setattr(numba, "cuda", SimpleNamespace(**functions), raising=False)


def _cupy(monkeypatch: pytest.MonkeyPatch, count: Callable[[], int] = lambda: 1) -> None:
    runtime = SimpleNamespace(getDeviceCount=count)
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=SimpleNamespace(runtime=runtime)))


def _fail() -> int:
    raise OSError("driver and library versions differ")


def test_auto_takes_the_gpu_when_it_is_usable_and_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    _support(monkeypatch, True, "CUDA device H200")
    assert choose("waves", "auto", ("naive", "cpu", "gpu")) == Choice("gpu", "CUDA device H200")


def test_auto_falls_back_to_the_cpu_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    _support(monkeypatch, False, "no usable CUDA device was found")
    assert choose("waves", "auto", ("naive", "cpu", "gpu")) == Choice("cpu", "no usable CUDA device was found")


def test_auto_never_takes_the_simulator_but_an_explicit_choice_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "gpu_support", lambda: Support(True, "the CUDA simulator", simulated=True))
    choice = choose("waves", "auto", ("naive", "cpu", "gpu"))
    assert choice.backend == "cpu"
    assert "the CUDA simulator" in choice.reason
    assert choose("waves", "gpu", ("naive", "cpu", "gpu")) == Choice("gpu", "the CUDA simulator")


def test_the_simulator_is_told_from_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    _cuda(monkeypatch, is_available=_fail)
    monkeypatch.setattr(numba.config, "ENABLE_CUDASIM", 1)
    support = gpu_support()
    assert (support.ok, support.simulated) == (True, True)
    assert "NUMBA_ENABLE_CUDASIM" in support.reason


def test_auto_does_not_look_for_a_device_when_the_kernel_has_no_gpu_version(monkeypatch: pytest.MonkeyPatch) -> None:
    _no_look(monkeypatch)
    choice = choose("waves", "auto", ("naive", "cpu"))
    assert choice.backend == "cpu"
    assert "waves" in choice.reason


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_an_explicit_choice_is_met_without_looking_for_a_device(
    monkeypatch: pytest.MonkeyPatch, backend: device.Backend
) -> None:
    _no_look(monkeypatch)
    assert choose("waves", backend, ("naive", "cpu", "gpu")) == Choice(backend, "chosen explicitly")


def test_an_explicit_gpu_is_met_when_it_is_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    _support(monkeypatch, True, "CUDA device H200")
    assert choose("waves", "gpu", ("naive", "cpu", "gpu")) == Choice("gpu", "CUDA device H200")


def test_an_explicit_gpu_that_cannot_be_used_raises_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    _support(monkeypatch, False, "the driver is too old")
    with pytest.raises(BackendUnavailableError, match=r"waves.*the driver is too old.*auto"):
        choose("waves", "gpu", ("naive", "cpu", "gpu"))


@pytest.mark.parametrize("backend", ["gpu", "naive"])
def test_a_backend_the_kernel_is_not_written_for_raises(
    monkeypatch: pytest.MonkeyPatch, backend: device.Backend
) -> None:
    _support(monkeypatch, True, "CUDA device H200")
    with pytest.raises(BackendUnavailableError) as caught:
        choose("waves", backend, ("cpu",))
    assert caught.value.got == backend
    assert "waves" in caught.value.where
    assert "cpu" in caught.value.expected


@pytest.mark.parametrize("backend", ["", "GPU", "cuda", "nan"])
def test_an_unknown_name_raises_and_lists_the_known_ones(backend: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        choose("waves", backend, ("naive", "cpu", "gpu"))  # type: ignore[arg-type]
    assert caught.value.got == repr(backend)
    assert all(name in caught.value.expected for name in ("auto", "naive", "cpu", "gpu"))


def test_the_look_for_a_device_names_what_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    _cupy(monkeypatch)
    _cuda(monkeypatch, is_available=lambda: True, get_current_device=lambda: SimpleNamespace(name=b"H200"))
    assert gpu_support() == Support(True, "CUDA device H200")


def test_a_name_that_comes_as_text_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    _cupy(monkeypatch)
    _cuda(monkeypatch, is_available=lambda: True, get_current_device=lambda: SimpleNamespace(name="L4"))
    assert gpu_support() == Support(True, "CUDA device L4")


def test_no_device_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    _cuda(monkeypatch, is_available=lambda: False)
    assert not gpu_support().ok


def test_a_failing_driver_is_unusable_with_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    _cuda(monkeypatch, is_available=_fail)
    support = gpu_support()
    assert not support.ok
    assert "OSError: driver and library versions differ" in support.reason


def test_a_device_that_only_numba_can_use_is_unusable(monkeypatch: pytest.MonkeyPatch) -> None:
    _cuda(monkeypatch, is_available=lambda: True, get_current_device=lambda: SimpleNamespace(name="L4"))
    _cupy(monkeypatch, _fail)
    assert gpu_support() == Support(
        False, "the CUDA driver can't be used (OSError: driver and library versions differ)"
    )
    gpu_support.cache_clear()
    monkeypatch.setitem(sys.modules, "cupy", None)
    support = gpu_support()
    assert not support.ok
    assert "CuPy can't be imported" in support.reason


def test_a_missing_package_is_unusable_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(numba, "cuda", raising=False)
    monkeypatch.setitem(sys.modules, "numba.cuda", None)
    support = gpu_support()
    assert not support.ok
    assert "can't be imported" in support.reason


def test_the_device_is_looked_for_once_for_each_process(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    def look() -> bool:
        looks.append(1)
        return False

    _cuda(monkeypatch, is_available=look)
    assert gpu_support() is gpu_support()
    assert len(looks) == 1


def test_an_error_carries_its_four_parts_and_is_caught_as_the_builtin_kind() -> None:
    error = InvalidInputError("close", expected="float64", got="int64", mend="convert it")
    assert (error.where, error.expected, error.got, error.mend) == ("close", "float64", "int64", "convert it")
    assert str(error) == "close: expected float64; got int64. To mend: convert it"
    assert isinstance(error, ValueError)
    assert isinstance(error, WavemillError)
