"""Files written piece by piece: the old or the new one as a whole, whatever happens in between."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import fsspec
import pytest

from kernels.errors import LakeError
from resources.lake_files import STALE_TEMPORARY_SECONDS, LakeFiles

ROOT = Path(__file__).resolve().parents[2]
SHARDS = "synthetic_samples/default/shards"
NAME = "shard-000.parquet"
OLD = b"old" * 1000
PIECE = bytes(range(256)) * 1024


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
def waiting_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files of the system, empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def _stream(files: LakeFiles, pieces: Iterable[bytes], error: BaseException | None = None) -> None:
    with files.stream(SHARDS, NAME) as file:
        for piece in pieces:
            file.write(piece)
        if error is not None:
            raise error


def _everything_below(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_pieces_become_one_file_in_a_nested_folder(files: LakeFiles, waiting_room: Path) -> None:
    with files.stream(SHARDS, NAME) as file:
        for _ in range(9):
            assert file.write(PIECE) == len(PIECE)
        assert file.tell() == 9 * len(PIECE)
    assert files.read(SHARDS, NAME) == PIECE * 9
    assert list(files.stamps(SHARDS)) == [NAME]
    assert _everything_below(waiting_room) == []


def test_an_empty_stream_is_an_empty_file(files: LakeFiles) -> None:
    with files.stream(SHARDS, NAME):
        pass
    assert files.read(SHARDS, NAME) == b""


def test_the_old_file_is_seen_until_the_new_one_is_complete(files: LakeFiles) -> None:
    files.write(SHARDS, NAME, OLD)
    with files.stream(SHARDS, NAME) as file:
        file.write(PIECE * 8)
        file.flush()
        assert files.read(SHARDS, NAME) == OLD
        assert list(files.stamps(SHARDS)) == [NAME]
    assert files.read(SHARDS, NAME) == PIECE * 8


@pytest.mark.parametrize("error", [ValueError("a bad row"), KeyboardInterrupt(), OSError("of another file")])
def test_an_error_in_the_block_passes_and_leaves_the_old_file_alone(
    files: LakeFiles, waiting_room: Path, tmp_path: Path, error: BaseException
) -> None:
    files.write(SHARDS, NAME, OLD)
    with pytest.raises(type(error)) as caught:
        _stream(files, [PIECE], error)
    assert caught.value is error
    assert files.read(SHARDS, NAME) == OLD
    assert _everything_below(waiting_room) == []
    assert [name for name in _everything_below(tmp_path) if name != NAME] == []


@pytest.mark.parametrize("piece", [100, 3_000_000])
def test_a_full_disk_is_named_and_the_old_file_stays(small_disk: Path, piece: int) -> None:
    files = LakeFiles(str(small_disk))
    files.write(SHARDS, NAME, OLD)
    with pytest.raises(LakeError) as caught:
        _stream(files, (b"x" * piece for _ in range(3_000_000 // piece)))
    assert f"{SHARDS}/{NAME}" in caught.value.where
    assert "No space left" in caught.value.got
    assert _everything_below(small_disk) == [NAME]
    assert files.read(SHARDS, NAME) == OLD


def test_a_disk_that_fills_up_at_the_last_bytes_is_named_too(small_disk: Path) -> None:
    files = LakeFiles(str(small_disk))
    # Less than the buffer holds: nothing reaches the disk before the end.
    with pytest.raises(LakeError, match="No space left"):
        _stream(files, [b"x" * 700_000])
    assert _everything_below(small_disk) == []


def test_an_error_in_the_block_is_not_hidden_by_a_full_disk(small_disk: Path) -> None:
    with pytest.raises(ValueError, match="a bad row"):
        _stream(LakeFiles(str(small_disk)), [b"x" * 700_000], ValueError("a bad row"))
    assert _everything_below(small_disk) == []


def test_a_limit_on_file_size_is_named(tmp_path: Path) -> None:
    files = LakeFiles(str(tmp_path))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        with pytest.raises(LakeError, match="File too large"):
            _stream(files, [b"x" * 3_000_000])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert _everything_below(tmp_path) == []


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "synthetic_samples").write_text("in the way")
    with pytest.raises(LakeError, match=f"write {tmp_path}/{SHARDS}/{NAME}"):
        _stream(LakeFiles(str(tmp_path)), [])


def test_a_killed_writer_leaves_the_old_file_and_a_temporary_one_that_is_swept(tmp_path: Path) -> None:
    code = f"""
import sys, time
from resources.lake_files import LakeFiles
with LakeFiles(sys.argv[1]).stream({SHARDS!r}, {NAME!r}) as file:
    file.write(b"x" * 3_000_000)
    print("written", flush=True)
    time.sleep(600)
"""
    files = LakeFiles(str(tmp_path))
    files.write(SHARDS, NAME, OLD)
    command = [sys.executable, "-c", code, files.root]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "written\n"
        writer.kill()
    assert files.read(SHARDS, NAME) == OLD
    left = [name for name in os.listdir(tmp_path / SHARDS) if name != NAME]
    assert len(left) == 1
    long_ago = time.time() - STALE_TEMPORARY_SECONDS - 60.0
    os.utime(tmp_path / SHARDS / left[0], (long_ago, long_ago))
    files.settle(SHARDS)
    assert os.listdir(tmp_path / SHARDS) == [NAME]
