"""Work side by side: results in order, few at a time, and no hanging whatever happens to whom."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest

from kernels.errors import InvalidInputError, LakeError, WorkerError
from resources import worker_pool
from resources.worker_pool import ordered_map, resolve_jobs, usable_cpus

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("threads", "processes")
_READY: list[int] = []


def _square(number: int) -> int:
    # The first ones last longest, so that later ones are ready before them.
    time.sleep(0.02 if number < 3 else 0.0)
    return number * number


def _process(_: int) -> int:
    return os.getpid()


def _refuse_five(number: int) -> int:
    if number == 5:
        raise LakeError("shard-005", expected="space", got="none", mend="make some")
    return number


def _sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def _touch_slowly(path: str) -> str:
    time.sleep(0.2)
    Path(path).touch()
    return path


def _die_at_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.01)
    return number


def _die_or_sleep(seconds: float) -> None:
    if not seconds:
        # The other process is at work by then.
        time.sleep(3.0)
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(seconds)


def _leave(number: int) -> int:
    if number:
        os._exit(7)
    return number


def _big(number: int) -> bytes:
    return bytes([number % 256]) * 3_000_000


def _note_ready() -> None:
    _READY.append(os.getpid())


def _is_ready(_: int) -> int:
    return len(_READY)


def _fail_to_start() -> None:
    raise ValueError("no device")


@pytest.fixture
def no_children() -> Iterator[None]:
    """Fails where a worker process of the test is still there at its end."""
    before = _children()
    yield
    assert _children() <= before


def _children() -> set[str]:
    mine = set()
    for process in filter(str.isdecimal, os.listdir("/proc")):
        try:
            stat = Path(f"/proc/{process}/stat").read_text()
            command = Path(f"/proc/{process}/cmdline").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if stat.rpartition(")")[2].split()[1] == str(os.getpid()) and "spawn_main" in command:
            mine.add(process)
    return mine


@pytest.mark.parametrize(("jobs", "kind"), [(1, "threads"), (1, "processes"), (3, "threads"), (2, "processes")])
@pytest.mark.usefixtures("no_children")
def test_results_come_in_the_order_of_the_items(jobs: int, kind: Any) -> None:
    assert list(ordered_map(_square, range(12), jobs=jobs, kind=kind)) == [number * number for number in range(12)]
    assert list(ordered_map(_square, [], jobs=jobs, kind=kind)) == []


def test_one_job_works_in_the_caller_and_begins_nothing_ahead() -> None:
    begun: list[int] = []
    results = ordered_map(begun.append, range(5), jobs=1, kind="processes")
    assert begun == []
    next(results)
    assert begun == [0]


def test_processes_are_other_processes() -> None:
    workers = set(ordered_map(_process, range(8), jobs=2, kind="processes"))
    assert os.getpid() not in workers
    assert 1 <= len(workers) <= 2


@pytest.mark.parametrize(("in_flight", "most"), [(None, 4), (1, 1), (7, 7)])
def test_no_more_than_in_flight_items_are_begun_and_not_taken(in_flight: int | None, most: int) -> None:
    taken = 0
    ahead = []

    def items() -> Iterator[int]:
        for number in range(30):
            ahead.append(number + 1 - taken)
            yield number

    for _ in ordered_map(_square, items(), jobs=3, kind="threads", in_flight=in_flight):
        taken += 1
    assert taken == 30
    assert max(ahead) == most


@pytest.mark.parametrize(("jobs", "kind"), [(1, "threads"), (2, "threads"), (2, "processes")])
@pytest.mark.usefixtures("no_children")
def test_an_error_keeps_its_type_and_names_the_item(jobs: int, kind: Any) -> None:
    results = ordered_map(_refuse_five, range(1000), jobs=jobs, kind=kind)
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(LakeError, match="shard-005: expected space; got none") as caught:
        next(results)
    assert caught.value.mend == "make some"
    assert caught.value.__notes__ == ["This happened in item 5, 5."]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("no_children")
def test_closing_early_begins_nothing_more_and_leaves_no_worker(tmp_path: Path, kind: Any) -> None:
    threads = threading.active_count()
    paths = [str(tmp_path / f"{number:03d}") for number in range(100)]
    results = ordered_map(_touch_slowly, paths, jobs=2, kind=kind)
    assert next(results) == paths[0]
    results.close()
    done = sorted(os.listdir(tmp_path))
    # Those begun are finished: two in work, one waiting for a worker.
    assert done == [f"{number:03d}" for number in range(len(done))]
    assert len(done) <= 4
    assert threading.active_count() == threads


@pytest.mark.usefixtures("no_children")
def test_processes_that_take_too_long_are_ended_after_the_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_pool, "GRACE_SECONDS", 0.2)
    results = ordered_map(_sleep, [0.0, 600.0, 600.0, 600.0], jobs=2, kind="processes")
    assert next(results) == 0.0
    began = time.monotonic()
    results.close()
    assert time.monotonic() - began < 5.0


@pytest.fixture
def ignored_sigterm() -> Iterator[None]:
    """As in a run of Dagster's that was started in the background; spawned processes inherit it."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("no_children", "ignored_sigterm")
def test_processes_that_take_too_long_are_ended_where_sigterm_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_pool, "GRACE_SECONDS", 0.2)
    results = ordered_map(_sleep, [0.0, 600.0, 600.0, 600.0], jobs=2, kind="processes")
    assert next(results) == 0.0
    began = time.monotonic()
    results.close()
    assert time.monotonic() - began < 5.0


@pytest.mark.usefixtures("no_children", "ignored_sigterm")
def test_the_others_are_ended_with_one_that_died_where_sigterm_is_ignored() -> None:
    began = time.monotonic()
    with pytest.raises(WorkerError, match="killed by SIGKILL"):
        list(ordered_map(_die_or_sleep, [0, 600, 600], jobs=2, kind="processes"))
    assert time.monotonic() - began < 60.0


@pytest.mark.usefixtures("no_children")
def test_closing_while_large_results_are_handed_over_doesn_t_hang() -> None:
    for taken in range(1, 4):
        results = ordered_map(_big, range(50), jobs=2, kind="processes", in_flight=10)
        for number in range(taken):
            assert next(results) == _big(number)
        began = time.monotonic()
        results.close()
        assert time.monotonic() - began < worker_pool.GRACE_SECONDS


@pytest.mark.parametrize("in_flight", [None, 20])
@pytest.mark.usefixtures("no_children")
def test_a_killed_worker_is_said_with_the_items_in_work(in_flight: int | None) -> None:
    results = ordered_map(_die_at_three, range(1000), jobs=2, kind="processes", in_flight=in_flight)
    began = time.monotonic()
    with pytest.raises(WorkerError) as caught:
        list(results)
    assert time.monotonic() - began < 5.0
    assert "item 3, 3" in caught.value.where
    assert "SIGKILL" in caught.value.got
    assert "SIGTERM" not in caught.value.got
    assert "jobs=1" in caught.value.mend
    assert isinstance(caught.value.__cause__, BrokenProcessPool)


@pytest.mark.usefixtures("no_children")
def test_a_worker_that_leaves_is_said_with_its_status() -> None:
    with pytest.raises(WorkerError, match=r"item 1, 1.*exit status 7"):
        list(ordered_map(_leave, [0, 1], jobs=2, kind="processes"))


@pytest.mark.parametrize(("jobs", "kind"), [(1, "threads"), (2, "threads"), (2, "processes")])
def test_the_initializer_runs_in_each_worker_before_its_items(jobs: int, kind: Any) -> None:
    _READY.clear()
    ready = list(ordered_map(_is_ready, range(6), jobs=jobs, kind=kind, initializer=_note_ready))
    assert min(ready) == 1
    assert len(_READY) <= (jobs if kind == "threads" else 0)
    assert max(ready) <= (1 if kind == "processes" else jobs)


@pytest.mark.usefixtures("no_children")
def test_an_initializer_that_fails_is_an_error_not_a_hang(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(WorkerError, match="worker process in"):
        list(ordered_map(_square, range(6), jobs=2, kind="processes", initializer=_fail_to_start))
    assert caplog.records == []  # it is said by the worker, on its own stderr


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("no_children")
def test_an_error_of_the_items_passes_unchanged(kind: Any) -> None:
    def items() -> Iterator[int]:
        yield 1
        raise KeyError("no more")

    with pytest.raises(KeyError, match="no more") as caught:
        list(ordered_map(_square, items(), jobs=2, kind=kind))
    assert not hasattr(caught.value, "__notes__")


INTERRUPTED = """
import signal, sys, time
from resources.worker_pool import ordered_map
if __name__ == "__main__":
    # Tests that were started in the background ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    kind = sys.argv[1]
    try:
        for _ in ordered_map(time.sleep, [0.0] + [0.3] * 50, jobs=2, kind=kind):
            print("begun", flush=True)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("everybody", [False, True])
def test_an_interrupt_ends_it_quietly(tmp_path: Path, kind: str, everybody: bool) -> None:
    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED)
    command = [sys.executable, str(script), kind]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, start_new_session=True, **pipes) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "begun\n"
        # Ctrl-C in a terminal reaches the workers too; Dagster's reaches only the owner.
        (os.killpg if everybody else os.kill)(owner.pid, signal.SIGINT)
        said, errors = owner.communicate(timeout=10)
    assert said.endswith("interrupted\n")
    assert errors == ""
    assert owner.returncode == 0


def test_workers_end_when_their_owner_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "owner.py"
    script.write_text(
        "from resources.worker_pool import ordered_map\n"
        "import os, time\n"
        "def work(seconds):\n    time.sleep(seconds)\n    return os.getpid()\n"
        "if __name__ == '__main__':\n"
        "    for worker in ordered_map(work, [0.0] + [600.0] * 5, jobs=2, kind='processes'):\n"
        "        print(worker, flush=True)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script)]
    # Python's tracker tells on stderr that it cleans up after the dead owner.
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(command, env=environment, **pipes) as owner:
        assert owner.stdout is not None
        worker = int(owner.stdout.readline())
        assert _lives(worker)
        owner.kill()
    end = time.monotonic() + 10.0
    while _lives(worker) and time.monotonic() < end:
        time.sleep(0.01)
    assert not _lives(worker)


def _lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_jobs_are_counted_from_the_cpus_this_process_may_use() -> None:
    cpus = usable_cpus()
    assert cpus == len(os.sched_getaffinity(0))
    assert resolve_jobs(-1) == cpus
    assert resolve_jobs(-2) == max(cpus - 1, 1)
    assert resolve_jobs(-1000) == 1
    assert resolve_jobs(7) == 7


@pytest.mark.parametrize("wrong", [0, True, 1.0, "2", None])
def test_no_jobs_are_refused(wrong: Any) -> None:
    with pytest.raises(InvalidInputError, match="n_jobs"):
        resolve_jobs(wrong)


@pytest.mark.parametrize(
    ("options", "name"),
    [({"jobs": 0}, "jobs"), ({"jobs": 2, "in_flight": 0}, "in_flight"), ({"jobs": 2, "kind": "fibres"}, "kind")],
)
def test_wrong_options_are_refused_before_anything_is_begun(options: dict[str, Any], name: str) -> None:
    work: Callable[[int], int] = _square
    with pytest.raises(InvalidInputError, match=f"option {name}"):
        ordered_map(work, range(3), **{"kind": "threads", **options})
