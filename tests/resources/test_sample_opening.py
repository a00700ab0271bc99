"""A dataset whose files are missing, damaged, or don't belong together is refused, and the file is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kernels.errors import InvalidInputError, LakeError
from resources.sample_dataset import open_samples
from resources.sample_store import SampleStore
from tests.sample_files import SmallDataset, flat


@pytest.fixture
def small(tmp_path: Path) -> SmallDataset:
    return SmallDataset(str(tmp_path / "lake"))


def _remove(name: str) -> Callable[[SmallDataset], None]:
    return lambda dataset: dataset.path(name).unlink()


def _rewrite_manifest(change: Callable[[dict[str, Any]], object]) -> Callable[[SmallDataset], None]:
    def rewrite(dataset: SmallDataset) -> None:
        path = dataset.path("manifest.json")
        manifest = json.loads(path.read_text())
        change(manifest)
        path.write_text(json.dumps(manifest))

    return rewrite


def _remove_shards(dataset: SmallDataset) -> None:
    for path in (*dataset.path("").glob("shard-*.json"), *dataset.path("shards").iterdir()):
        path.unlink()


AT_OPENING: dict[str, tuple[Callable[[SmallDataset], object], str]] = {
    "no manifest": (_remove("manifest.json"), "manifest.json.*no such file.*synthetic_dataset"),
    "another format": (_rewrite_manifest(lambda m: m.update(format_version=2)), "format_version: expected 1; got 2"),
    "no format": (_rewrite_manifest(lambda m: m.pop("format_version")), "format_version"),
    "nothing of layout": (_rewrite_manifest(lambda m: m.pop("layout")), "layout"),
    "unknown layout": (_rewrite_manifest(lambda m: m.update(layout="rows")), "layout.*'rows'"),
    "a column less": (_rewrite_manifest(lambda m: m["columns"].pop("label_cagr")), "column label_cagr"),
    "a column more": (_rewrite_manifest(lambda m: m["columns"].update(x={"group": "key"})), "column x"),
    "a column of another group": (
        _rewrite_manifest(lambda m: m["columns"]["label_cost"].update(group="state")), "column label_cost.*'label'",
    ),
    "no shards": (_remove_shards, "at least one shard; got none.*synthetic_dataset.*shard-000"),
    "a shard without its note": (_remove("shard-001.json"), "shard-001.*killed.*shard-001"),
    "a note without its shard": (_remove("shards/shard-001.parquet"), "shard-001.*only the note"),
    "a shard from other prices": (lambda d: d.write(2, "others"), "shard-002.*these prices.*others.*other prices"),
    "no panel": (_remove("panel.npy"), "panel.npy.*no such file"),
    "a changed panel": (lambda d: d.path("panel.npy").write_bytes(b"x"), "panel.npy.*SHA-256"),
}  # fmt: skip


@pytest.mark.parametrize(("harm", "named"), AT_OPENING.values(), ids=AT_OPENING.keys())
def test_files_that_do_not_belong_together_are_refused_by_name(
    small: SmallDataset, harm: Callable[[SmallDataset], object], named: str
) -> None:
    open_samples(small.folder)
    harm(small)
    with pytest.raises(LakeError, match=named):
        open_samples(small.folder)


def test_a_note_of_other_splits_is_refused(small: SmallDataset) -> None:
    note = small.store.read_note(1)
    rows = [sum(counts) for counts in note.row_groups]
    small.store.write_note(1, replace(note, row_groups=[[count] for count in rows]))
    with pytest.raises(LakeError, match=r"shard-001.*train, validation"):
        open_samples(small.folder)


@pytest.mark.parametrize("folder", ["", "small", "lake/samples/small", "synthetic_samples/small"])
def test_a_folder_that_can_be_no_dataset_is_refused(folder: str) -> None:
    with pytest.raises(InvalidInputError, match="synthetic_samples/<dataset>"):
        open_samples(folder)


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


HARMS: dict[str, Callable[[Path], object]] = {
    "a flipped bit": _flip,
    "torn": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "empty": lambda path: path.write_bytes(b""),
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS.keys())
def test_a_damaged_shard_is_refused_by_name(small: SmallDataset, harm: Callable[[Path], object], workers: int) -> None:
    loader = open_samples(small.folder, batch_rows=16).loader(workers=workers)
    harm(small.path("shards/shard-001.parquet"))
    with pytest.raises(LakeError, match=r"shard-001.*shard-001"):
        list(loader)


def test_a_shard_is_verified_once_and_only_when_used(small: SmallDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[int] = []
    original = SampleStore.verify_shard
    monkeypatch.setattr(
        SampleStore, "verify_shard", lambda self, number, note: (verified.append(number), original(self, number, note))
    )
    samples = open_samples(small.folder, batch_rows=1000, shuffle=False)
    assert verified == []
    next(iter(samples))
    assert verified == [0]
    assert flat(samples)
    assert flat(samples)
    assert verified == [0, 1, 2]
    assert flat(open_samples(small.folder, verify=False))
    assert verified == [0, 1, 2]


UNFIT: dict[str, tuple[Callable[[Path], object], str]] = {
    "another shard": (lambda path: path.write_bytes(path.with_stem("shard-002").read_bytes()), "rows of the split"),
    "torn": (lambda path: path.write_bytes(path.read_bytes()[:-9]), "ArrowInvalid"),
    "gone": (lambda path: path.unlink(), "no such file"),
}


@pytest.mark.parametrize(("harm", "named"), UNFIT.values(), ids=UNFIT.keys())
def test_without_verification_a_shard_that_does_not_fit_its_note_is_still_refused(
    small: SmallDataset, harm: Callable[[Path], object], named: str
) -> None:
    samples = open_samples(small.folder, verify=False, shuffle=False)
    harm(small.path("shards/shard-000.parquet"))
    with pytest.raises(LakeError, match=rf"shard-000.*{named}"):
        list(samples)


def test_a_session_that_the_manifest_does_not_have_is_refused(small: SmallDataset) -> None:
    _rewrite_manifest(lambda manifest: manifest["sessions"].pop())(small)
    with pytest.raises(LakeError, match="a session that the manifest doesn't have"):
        list(open_samples(small.folder, batch_rows=1000))
