from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from kernels.errors import LakeError
from kernels.memory import BatchKey, FoundBatch, largest_batch
from resources.batch_sizes import FOLDER, BatchSizeFiles, file_name

KEY = BatchKey("NVIDIA H200 / half", "encoder: [64, 64]", "bfloat16")
FOUND = FoundBatch(4096, 10_000, ((4096, True), (8192, False)), 5, 9, "NVIDIA H200: torch's pool")


def test_what_is_written_is_read_again(root: str) -> None:
    files = BatchSizeFiles(root)
    assert files.read(KEY) is None
    files.write(KEY, FOUND)
    assert BatchSizeFiles(root).read(KEY) == FOUND
    files.write(KEY, FOUND._replace(batch=7))
    assert files.read(KEY) == FOUND._replace(batch=7)
    assert files.read(KEY._replace(dtype="float32")) is None


def test_the_file_says_what_it_is_of_and_its_name_is_safe(tmp_path: Path) -> None:
    BatchSizeFiles(str(tmp_path)).write(KEY, FOUND)
    (path,) = (tmp_path / FOLDER).iterdir()
    assert path.name == file_name(KEY)
    assert path.stem.isalnum()
    stored = json.loads(path.read_text())
    assert (stored["device"], stored["model"], stored["dtype"], stored["batch"]) == (*KEY, 4096)


def test_a_second_process_finds_the_batch_without_a_run(tmp_path: Path) -> None:
    files = BatchSizeFiles(str(tmp_path))
    assert largest_batch(lambda _: None, at_most=64, key=KEY, store=files) == 64

    def refuse(batch: int) -> None:
        raise AssertionError(f"{batch} rows were run")

    assert largest_batch(refuse, at_most=64, key=KEY, store=BatchSizeFiles(str(tmp_path))) == 64


def _damages() -> dict[str, bytes]:
    good: dict[str, Any] = json.loads(json.dumps(KEY._asdict() | FOUND._asdict()))
    return {
        "cut off": json.dumps(good).encode()[:40],
        "empty": b"",
        "no text": b"\xff\xfe\x00",
        "a list": b"[]",
        **{f"no {name}": json.dumps({k: v for k, v in good.items() if k != name}).encode() for name in good},
        **{
            f"{name} {value!r}": json.dumps(good | {name: value}).encode()
            for name, value in (
                *(("batch", value) for value in (0, -1, 10_001, 2.5, True, "7", None)),
                ("at_most", 10),
                ("free_bytes", -1),
                ("tried", [[1]]),
                ("tried", [[1, 1]]),
                ("model", "another"),
                ("more", 1),
            )
        },
    }


@pytest.mark.parametrize("damage", _damages())
def test_a_damaged_file_is_named_with_the_command_that_removes_it(tmp_path: Path, damage: str) -> None:
    files = BatchSizeFiles(str(tmp_path))
    files.write(KEY, FOUND)
    path = tmp_path / FOLDER / file_name(KEY)
    path.write_bytes(_damages()[damage])
    with pytest.raises(LakeError, match="a damaged file") as caught:
        files.read(KEY)
    assert caught.value.where == str(path)
    assert caught.value.mend.endswith(f"rm {path}")
    path.unlink()
    assert files.read(KEY) is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_the_right_to_write_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(LakeError, match="batch_sizes"):
        BatchSizeFiles(str(tmp_path)).write(KEY, FOUND)
