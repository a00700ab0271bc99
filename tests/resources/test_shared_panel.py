"""Arrays in shared memory: seen by other processes without a copy, and gone afterwards, whoever dies when."""

import errno
import multiprocessing
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernels.errors import InvalidInputError, SharedMemoryError
from resources.shared_panel import Token, attach, share, sweep_stale

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path("/dev/shm")  # noqa: S108
SPAWN = multiprocessing.get_context("spawn")

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="shared memory is used on Linux only")

# The child is an interpreter of its own kind: what it prints or warns is compared.
ATTACHES = """
import pickle, sys
from resources.shared_panel import attach
arrays = attach(pickle.loads(bytes.fromhex(sys.argv[1])))
print(float(arrays["close"].sum()), arrays["close"].flags.writeable, arrays["close"].flags.owndata, flush=True)
sys.stdin.readline()
print(float(arrays["close"].sum()), flush=True)
"""
OWNS = """
import sys
import numpy as np
from resources.shared_panel import share
with share({"close": np.ones((30, 40))}) as panel:
    print(panel.token.block, flush=True)
    sys.stdin.readline()
    if sys.argv[1] == "raise":
        raise ValueError("in the middle")
"""


def _panel() -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(3)
    return {
        "open": rng.normal(size=(7, 11)),
        "panel": rng.normal(size=(7, 11, 5)).astype(np.float32),
        "split": np.arange(13, dtype=np.int8),
        "known": np.array([True, False, True]),
        "sessions": np.arange("2020-01-01", "2020-01-12", dtype="datetime64[D]"),
        "symbols": np.array(["AAPL", "BRK.B"]),
        "scalar": np.array(2.5),
        "empty": np.zeros((0, 5)),
        "none": np.zeros(0, np.int32),
        "close": np.asfortranarray(rng.normal(size=(7, 11))),
    }


def _blocks() -> set[str]:
    return {name for name in os.listdir(SHARED) if name.startswith("wavemill-")}


def _start(code: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=ROOT, text=True, **pipes, **options)


def _say(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _eventually(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + 10.0
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def _sum_of(token: Token) -> float:
    return float(attach(token)["close"].sum())


def _die(token: Token) -> None:
    attach(token)
    os.kill(os.getpid(), signal.SIGKILL)


def test_every_array_arrives_with_its_type_shape_and_values() -> None:
    arrays = _panel()
    with share(arrays) as panel:
        for found in (attach(panel.token), panel.arrays):
            assert list(found) == list(arrays)
            for name, values in arrays.items():
                assert found[name].dtype == values.dtype
                assert found[name].shape == values.shape
                assert found[name].flags.c_contiguous
                assert found[name].ctypes.data % 64 == 0 or not values.size
                np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize("arrays", [{}, {"empty": np.zeros((3, 0))}])
def test_nothing_can_be_shared_too(arrays: dict[str, np.ndarray[Any, Any]]) -> None:
    with share(arrays) as panel:
        assert {name: values.shape for name, values in attach(panel.token).items()} == {
            name: values.shape for name, values in arrays.items()
        }


def test_a_view_shows_what_the_owner_writes_and_can_t_be_written() -> None:
    with share(_panel()) as panel:
        view = attach(panel.token)["open"]
        panel.arrays["open"][3, 4] = 77.0
        assert view[3, 4] == 77.0
        with pytest.raises(ValueError, match="read-only"):
            view[0, 0] = 1.0
        # The memory itself is mapped without the right to write: no flag of NumPy can give it.
        with pytest.raises(ValueError, match="WRITEABLE"):
            view.flags.writeable = True


def test_attaching_again_is_the_same_memory() -> None:
    with share(_panel()) as panel:
        again = pickle.loads(pickle.dumps(panel.token))  # noqa: S301 - our own bytes
        assert attach(again) is attach(panel.token)


def test_the_token_is_small_whatever_the_arrays_are() -> None:
    with share({"close": np.zeros((500, 1000)), "panel": np.zeros((500, 1000, 5), np.float32)}) as panel:
        assert len(pickle.dumps(panel.token)) < 500


def test_the_block_is_named_after_its_process_and_gone_after_the_lease() -> None:
    with share(_panel()) as panel:
        started = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
        assert panel.token.block.startswith(f"wavemill-{os.getpid()}-{started}-")
        assert panel.token.block in _blocks()
    assert panel.token.block not in _blocks()


def test_the_block_is_gone_after_an_error_and_late_views_still_read() -> None:
    kept = []

    def fail() -> None:
        with share(_panel()) as panel:
            kept.extend([panel.token, panel.arrays["open"], attach(panel.token)["open"]])
            raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        fail()
    token, own, view = kept
    assert token.block not in _blocks()
    np.testing.assert_array_equal(own, _panel()["open"])
    np.testing.assert_array_equal(view, _panel()["open"])


def test_attaching_after_the_lease_says_so() -> None:
    with share(_panel()) as panel:
        pass
    attach.cache_clear()
    with pytest.raises(SharedMemoryError, match="lease"):
        attach(panel.token)


def test_two_leases_live_side_by_side() -> None:
    with share({"close": np.ones(5)}) as first, share({"close": np.zeros(5)}) as second:
        assert attach(first.token)["close"].sum() == 5.0
        assert attach(second.token)["close"].sum() == 0.0
        assert attach(first.token)["close"].sum() == 5.0


def test_objects_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="shared array names") as caught:
        share({"names": np.array(["a", None], dtype=object)}).__enter__()
    assert "object" in caught.value.got


def test_workers_of_a_pool_read_it_and_one_that_is_killed_takes_nothing_away(capfd: pytest.CaptureFixture[str]) -> None:
    arrays = _panel()
    with share(arrays) as panel:
        with ProcessPoolExecutor(2, SPAWN) as pool:
            assert set(pool.map(_sum_of, [panel.token] * 6)) == {float(np.ascontiguousarray(arrays["close"]).sum())}
        victim = SPAWN.Process(target=_die, args=(panel.token,))
        victim.start()
        victim.join()
        assert victim.exitcode == -signal.SIGKILL
        assert panel.token.block in _blocks()
        with ProcessPoolExecutor(1, SPAWN) as pool:
            assert pool.submit(_sum_of, panel.token).result() == float(np.ascontiguousarray(arrays["close"]).sum())
    assert panel.token.block not in _blocks()
    assert capfd.readouterr().err == ""


def test_a_foreign_interpreter_sees_later_writes_and_leaves_quietly_without_unlinking() -> None:
    with share({"close": np.ones((30, 40))}) as panel:
        with _start(ATTACHES, pickle.dumps(panel.token).hex()) as child:
            assert _line(child) == "1200.0 False False"
            panel.arrays["close"][:] = 2.0
            _say(child)
            assert child.communicate(timeout=30) == ("2400.0\n", "")
        assert child.returncode == 0
        assert panel.token.block in _blocks()


def test_an_owner_that_fails_unlinks_quietly() -> None:
    with _start(OWNS, "raise") as owner:
        block = _line(owner)
        assert block in _blocks()
        _say(owner)
        _, said = owner.communicate(timeout=30)
    assert said.rstrip().endswith("ValueError: in the middle")
    assert "resource_tracker" not in said
    assert block not in _blocks()


def test_a_killed_owner_s_block_is_unlinked_by_the_tracker() -> None:
    with _start(OWNS, "stay") as owner:
        block = _line(owner)
        owner.kill()
    assert _eventually(lambda: block not in _blocks())


def test_the_block_of_an_owner_killed_with_all_its_family_is_swept_by_the_next_lease() -> None:
    with _start(OWNS, "stay", start_new_session=True) as owner:
        block = _line(owner)
        # Its tracker is in its process group.
        os.killpg(owner.pid, signal.SIGKILL)
        time.sleep(0.2)
        # Not waited for yet: it is a zombie, which holds no memory.
        assert block in _blocks()
        with share({}):
            assert block not in _blocks()


def test_the_blocks_of_living_processes_are_left_alone() -> None:
    with _start(OWNS, "stay") as owner:
        block = _line(owner)
        with share({}) as panel:
            assert {block, panel.token.block} <= _blocks()
            assert not {block, panel.token.block} & set(sweep_stale())
        assert block in _blocks()
        _say(owner)
        owner.communicate(timeout=30)
    assert block not in _blocks()


def test_a_process_that_only_has_the_same_number_keeps_no_block() -> None:
    reused = SHARED / f"wavemill-{os.getpid()}-1-0badc0de"
    foreign = SHARED / f"wavemill-notes-{os.getpid()}-x"
    reused.touch()
    foreign.touch()
    try:
        assert reused.name in sweep_stale()
        assert not reused.exists()
        assert foreign.exists()
    finally:
        reused.unlink(missing_ok=True)
        foreign.unlink()


@pytest.fixture
def small_shared_memory() -> list[str]:
    """The beginning of a command that runs with its own 1 MiB of shared memory."""
    unshare, shell = shutil.which("unshare"), shutil.which("sh")
    if unshare is None or shell is None:
        pytest.skip("this system has no unshare command")
    command = [unshare, "--mount", shell, "-c", 'mount -t tmpfs -o size=1m tmpfs /dev/shm && exec "$@"', shell]
    tried = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"this user may not mount small shared memory: {tried.stderr.strip()}")
    return command


SHARES = """
import sys
import numpy as np
from kernels.errors import SharedMemoryError
from resources.shared_panel import share
try:
    with share({"close": np.ones(int(sys.argv[1]), np.uint8)}) as panel:
        print(int(panel.arrays["close"].sum()))
except SharedMemoryError as error:
    print(error)
"""


def _shares(command: list[str], size: int) -> str:
    command = [*command, sys.executable, "-c", SHARES, str(size)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_too_little_shared_memory_is_said_with_the_bytes_needed_and_free(small_shared_memory: list[str]) -> None:
    assert _shares(small_shared_memory, 900_000) == "900000"
    said = _shares(small_shared_memory, 5_000_000)
    assert "5,000,000 bytes" in said
    assert "1,048,576 bytes free in /dev/shm" in said
    assert "--shm-size" in said


def test_a_block_that_the_system_refuses_is_said_and_leaves_nothing() -> None:
    before = _blocks()
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n" + SHARES
    command = [sys.executable, "-c", limited, "5000000"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert os.strerror(errno.EFBIG) in done.stdout
    assert _blocks() <= before
