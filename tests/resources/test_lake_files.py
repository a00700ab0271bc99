"""Whole files in, whole files out, whatever happens to the writer or the disk."""

import errno
import os
import random
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import fsspec
import pytest

from kernels.errors import LakeError
from resources import lake_files
from resources.lake_files import STALE_TEMPORARY_SECONDS, LakeFiles

ROOT = Path(__file__).resolve().parents[2]
OLD = b"old" * 1000
NEW = b"new!" * 1000
LARGE = 4_000_000


@pytest.fixture(params=["local", "memory"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LakeFiles]:
    if request.param == "local":
        yield LakeFiles(str(tmp_path / "lake"))
        return
    yield LakeFiles(f"memory://{tmp_path.name}")
    memory = fsspec.filesystem("memory")
    if memory.exists(f"/{tmp_path.name}"):
        memory.rm(f"/{tmp_path.name}", recursive=True)


@pytest.fixture
def local(tmp_path: Path) -> LakeFiles:
    files = LakeFiles(str(tmp_path / "lake"))
    files.write("prices", "p.parquet", OLD)
    return files


@pytest.fixture
def small_disk(mount_disk: Callable[[str], Path]) -> Path:
    """A real disk of 256 KiB."""
    return mount_disk("256k")


def _mounted(*arguments: str) -> bool:
    mount = shutil.which("mount")
    return mount is not None and subprocess.run([mount, *arguments], capture_output=True, check=False).returncode == 0


def _folder(files: LakeFiles) -> Path:
    return Path(files.root) / "prices"


def _start(code: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_what_is_written_is_read(files: LakeFiles) -> None:
    files.write("prices", "p.parquet", OLD)
    assert files.read("prices", "p.parquet") == OLD
    with files.open("prices", "p.parquet") as file:
        file.seek(3)
        assert file.read(3) == b"old"
    files.write("prices", "p.parquet", NEW)
    assert files.read("prices", "p.parquet") == NEW


def test_an_absent_file_is_not_found(files: LakeFiles) -> None:
    for look in (files.read, files.open):
        with pytest.raises(FileNotFoundError) as caught:
            look("prices", "p.parquet")
        assert not isinstance(caught.value, LakeError)
    assert files.stamp("prices", "p.parquet") is None
    assert files.stamps("prices") == {}
    files.settle("prices")


def test_the_listing_has_the_files_of_its_folder_and_no_others(files: LakeFiles) -> None:
    files.write("prices", "a.parquet", OLD)
    files.write("prices", "b.parquet", OLD)
    files.write("windows", "c.parquet", OLD)
    assert sorted(files.stamps("prices")) == ["a.parquet", "b.parquet"]
    assert files.stamp("prices", "a.parquet") == files.stamps("prices")["a.parquet"]


def test_every_replacement_changes_the_stamp_even_at_the_same_size(files: LakeFiles) -> None:
    stamps = []
    for number in range(50):
        files.write("prices", "p.parquet", bytes([number]) * 100)
        stamps.append(files.stamp("prices", "p.parquet"))
    assert all(earlier != later for earlier, later in pairwise(stamps))
    assert files.stamp("prices", "p.parquet") == stamps[-1]


def test_the_address_is_for_people_whatever_the_slashes() -> None:
    assert LakeFiles("memory://lake/").uri("prices", "p.parquet") == "memory://lake/prices/p.parquet"


def test_a_file_url_is_a_local_folder(tmp_path: Path) -> None:
    LakeFiles(f"file://{tmp_path}/lake").write("prices", "p.parquet", OLD)
    assert LakeFiles(str(tmp_path / "lake")).read("prices", "p.parquet") == OLD


def test_a_new_file_is_on_the_disk_before_it_takes_the_place_of_the_old(
    local: LakeFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[tuple[str, int]] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (happened.append(("fsync", os.fstat(fd).st_size)), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda a, b: (happened.append(("replace", os.stat(a).st_size)), replace(a, b)))
    local.write("prices", "p.parquet", NEW)
    assert happened == [("fsync", len(NEW)), ("replace", len(NEW))]


def test_settling_syncs_the_folder(local: LakeFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(stat.S_ISDIR(os.fstat(fd).st_mode)))
    local.settle("prices")
    assert synced == [True]


def test_a_reader_never_sees_a_torn_file_while_another_process_replaces_it(tmp_path: Path) -> None:
    code = f"""
import sys
from resources.lake_files import LakeFiles
files = LakeFiles(sys.argv[1])
for number in range(120):
    files.write("prices", "p.parquet", b"AB"[number % 2:number % 2 + 1] * ({LARGE} + number % 2))
"""
    files = LakeFiles(str(tmp_path))
    seen = set()
    with _start(code, files.root) as writer:
        while writer.poll() is None:
            try:
                data = files.read("prices", "p.parquet")
            except FileNotFoundError:
                continue
            size = LARGE + (data[:1] == b"B")
            assert data == data[:1] * size
            seen.add(data[:1])
            assert set(files.stamps("prices")) == {"p.parquet"}
    assert writer.returncode == 0
    assert seen == {b"A", b"B"}


def test_two_processes_that_write_the_same_file_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    code = f"""
import sys
from resources.lake_files import LakeFiles
files = LakeFiles(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for number in range(60):
    files.write("prices", "p.parquet", sys.argv[2].encode() * {LARGE // 8})
files.settle("prices")
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    writers = [
        subprocess.Popen([*command, letter], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for letter in "AB"
    ]
    assert [_line(writer) for writer in writers] == ["ready", "ready"]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
    assert [writer.returncode for writer in writers] == [0, 0]
    assert os.listdir(tmp_path / "prices") == ["p.parquet"]
    data = LakeFiles(str(tmp_path)).read("prices", "p.parquet")
    assert data in (b"A" * (LARGE // 8), b"B" * (LARGE // 8))


@pytest.mark.parametrize("stage", ["fsync", "replace"])
def test_a_writer_killed_before_the_end_leaves_the_old_file_whole(local: LakeFiles, stage: str) -> None:
    code = """
import os, sys, time
def stop(*_):
    print("stopped", flush=True)
    time.sleep(600)
setattr(os, sys.argv[2], stop)
from resources.lake_files import LakeFiles
LakeFiles(sys.argv[1]).write("prices", "p.parquet", b"new!" * 1000)
"""
    with _start(code, local.root, stage) as writer:
        assert _line(writer) == "stopped"
        writer.kill()
    assert local.read("prices", "p.parquet") == OLD
    left = [name for name in os.listdir(_folder(local)) if name != "p.parquet"]
    assert len(left) == 1
    assert list(local.stamps("prices")) == ["p.parquet"]

    # It may belong to a run that still writes, until it is stale.
    local.settle("prices")
    assert left[0] in os.listdir(_folder(local))
    long_ago = time.time() - STALE_TEMPORARY_SECONDS - 60.0
    os.utime(_folder(local) / left[0], (long_ago, long_ago))
    local.settle("prices")
    assert os.listdir(_folder(local)) == ["p.parquet"]
    assert local.read("prices", "p.parquet") == OLD


def test_a_writer_killed_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    code = f"""
import sys
from resources.lake_files import LakeFiles
files = LakeFiles(sys.argv[1])
for number in range(1_000_000):
    files.write("prices", "p.parquet", b"AB"[number % 2:number % 2 + 1] * {LARGE})
    print(number, flush=True)
"""
    files = LakeFiles(str(tmp_path))
    pause = random.Random(5)
    for _ in range(6):
        with _start(code, files.root) as writer:
            assert _line(writer) == "0"
            time.sleep(pause.uniform(0.0, 0.05))
            writer.kill()
        data = files.read("prices", "p.parquet")
        assert data in (b"A" * LARGE, b"B" * LARGE)
        assert list(files.stamps("prices")) == ["p.parquet"]


def test_an_interrupted_writer_takes_its_temporary_file_away(local: LakeFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        local.write("prices", "p.parquet", NEW)
    assert os.listdir(_folder(local)) == ["p.parquet"]
    assert local.read("prices", "p.parquet") == OLD


def test_settling_does_not_stumble_over_a_file_that_goes_away_meanwhile(
    local: LakeFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    (_folder(local) / ".p.parquet.1.aa.tmp").write_bytes(b"half")
    scandir = os.scandir

    def scan_late(path: str) -> list[os.DirEntry[str]]:
        with scandir(path) as found:
            entries = list(found)
        for entry in entries:
            if entry.name.endswith(".tmp"):
                os.unlink(entry.path)
        return entries

    monkeypatch.setattr(lake_files.os, "scandir", scan_late)
    local.settle("prices")
    assert os.listdir(_folder(local)) == ["p.parquet"]


def test_a_full_disk_is_named_and_the_old_file_stays(small_disk: Path) -> None:
    files = LakeFiles(str(small_disk))
    files.write("prices", "p.parquet", OLD)
    with pytest.raises(LakeError) as caught:
        files.write("prices", "p.parquet", bytes(1_000_000))
    assert "No space left" in caught.value.got
    assert "prices/p.parquet" in caught.value.where
    assert "WAVEMILL_LAKE" in caught.value.mend
    assert os.listdir(small_disk / "prices") == ["p.parquet"]
    assert files.read("prices", "p.parquet") == OLD
    files.write("prices", "p.parquet", NEW)
    assert files.read("prices", "p.parquet") == NEW


def test_a_read_only_disk_is_named_and_stays_readable(small_disk: Path) -> None:
    files = LakeFiles(str(small_disk))
    files.write("prices", "p.parquet", OLD)
    assert _mounted("-o", "remount,ro", str(small_disk))
    for name, table in [("p.parquet", "prices"), ("q.parquet", "prices"), ("q.parquet", "windows")]:
        with pytest.raises(LakeError, match="Read-only") as caught:
            files.write(table, name, NEW)
        assert f"{table}/{name}" in caught.value.where
    assert files.read("prices", "p.parquet") == OLD
    assert list(files.stamps("prices")) == ["p.parquet"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_right_to_write_is_named(local: LakeFiles) -> None:
    _folder(local).chmod(0o555)
    try:
        with pytest.raises(LakeError, match="Permission denied"):
            local.write("prices", "p.parquet", NEW)
    finally:
        _folder(local).chmod(0o755)
    assert local.read("prices", "p.parquet") == OLD


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
def test_a_refusal_at_the_last_moment_leaves_the_old_file_and_nothing_else(
    local: LakeFiles, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(LakeError) as caught:
        local.write("prices", "p.parquet", NEW)
    assert os.strerror(code) in caught.value.got
    assert isinstance(caught.value.__cause__, OSError)
    assert os.listdir(_folder(local)) == ["p.parquet"]
    assert local.read("prices", "p.parquet") == OLD


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "prices").write_bytes(b"a file")
    (tmp_path / "root").write_bytes(b"a file")
    for root in (tmp_path, tmp_path / "root"):
        files = LakeFiles(str(root))
        with pytest.raises(LakeError) as caught:
            files.write("prices", "p.parquet", NEW)
        assert str(root) in caught.value.where
        with pytest.raises(LakeError):
            files.read("prices", "p.parquet")
    assert (tmp_path / "prices").read_bytes() == b"a file"


def test_a_folder_in_the_place_of_the_file_is_named(local: LakeFiles) -> None:
    (_folder(local) / "q.parquet").mkdir()
    for look in (local.read, local.open):
        with pytest.raises(LakeError, match=r"prices/q\.parquet"):
            look("prices", "q.parquet")
    with pytest.raises(LakeError, match=r"prices/q\.parquet"):
        local.write("prices", "q.parquet", NEW)
    assert sorted(os.listdir(_folder(local))) == ["p.parquet", "q.parquet"]


def test_a_refusal_of_a_remote_storage_is_named_with_its_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError("the key has expired")

    files = LakeFiles(f"memory://{tmp_path.name}")
    for name in ("pipe_file", "cat_file", "open", "ls"):
        monkeypatch.setattr(files._fs, name, refuse)
    address = f"memory://{tmp_path.name}/prices"
    for look in (
        lambda: files.write("prices", "p.parquet", NEW),
        lambda: files.read("prices", "p.parquet"),
        lambda: files.open("prices", "p.parquet"),
        lambda: files.stamps("prices"),
        lambda: files.stamp("prices", "p.parquet"),
    ):
        with pytest.raises(LakeError, match="the key has expired") as caught:
            look()
        assert address in caught.value.where
