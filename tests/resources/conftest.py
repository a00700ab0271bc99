"""A lake on a local folder and one in memory; disks that are soon full."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest

from resources.parquet_lake import ParquetLake


@pytest.fixture(params=["local", "memory"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "local":
        yield str(tmp_path / "lake")
        return
    yield f"memory://{tmp_path.name}"
    memory = fsspec.filesystem("memory")
    if memory.exists(f"/{tmp_path.name}"):
        memory.rm(f"/{tmp_path.name}", recursive=True)


@pytest.fixture
def lake(root: str) -> ParquetLake:
    return ParquetLake(root)


@pytest.fixture
def mount_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Makes a real disk of a size such as "512k"; by mounting, which needs root."""
    mounted: list[Path] = []

    def mount_one(size: str) -> Path:
        disk = tmp_path / f"disk-{size}"
        disk.mkdir()
        mount = shutil.which("mount")
        if mount is None:
            pytest.skip("this system has no mount command")
        made = subprocess.run(
            [mount, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            pytest.skip(f"this user may not mount a small disk: {made.stderr.strip()}")
        mounted.append(disk)
        return disk

    yield mount_one
    for disk in mounted:
        subprocess.run([shutil.which("umount") or "umount", str(disk)], check=True, capture_output=True)


@pytest.fixture
def small_disk(mount_disk: Callable[[str], Path]) -> Path:
    """A real disk of 512 KiB."""
    return mount_disk("512k")
