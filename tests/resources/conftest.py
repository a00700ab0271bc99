"""A lake on a local folder and one in memory."""

from collections.abc import Iterator
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
