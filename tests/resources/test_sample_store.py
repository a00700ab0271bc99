"""Files of a dataset: the same bytes for the same inputs, and a named refusal for every other byte."""

import hashlib
import io
import json
import math
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import numpy.typing as npt
import pytest

from kernels.errors import InvalidInputError, LakeError, SettingsError
from resources.lake_files import LakeFiles
from resources.sample_store import SHARD_COUNT, SampleStore, ShardNote, shard_name, shard_number

SHARD = bytes(range(256)) * 9_000
NOTE = ShardNote(
    rows=10,
    bytes=len(SHARD),
    sha256=hashlib.sha256(SHARD).hexdigest(),
    made_from="inputs",
    row_groups=[[4, 1, 1, 0], [2, 0, 1, 1]],
)


def _panel() -> npt.NDArray[np.float32]:
    panel = np.random.default_rng(1).normal(size=(3, 8, 5)).astype(np.float32)
    panel[1, 2] = np.nan
    return panel


def _manifest(**changes: object) -> dict[str, object]:
    manifest: dict[str, object] = {
        "format_version": 1,
        "dataset": "default",
        "layout": "index",
        "settings": {"seed": 7, "lookback": 64, "costs": {"fee_bp": 1.0}},
        "market_sha256": "abc",
        "made_from": "inputs",
        "symbols": ["A", "B", "C", "D", "E"],
    }
    return manifest | changes


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SampleStore]:
    if request.param == "local":
        yield SampleStore(LakeFiles(str(tmp_path / "lake")), "default")
        return
    yield SampleStore(LakeFiles(f"memory://{tmp_path.name}"), "default")
    memory = fsspec.filesystem("memory")
    if memory.exists(f"/{tmp_path.name}"):
        memory.rm(f"/{tmp_path.name}", recursive=True)


@pytest.fixture
def made(store: SampleStore) -> SampleStore:
    """A dataset with shard 3."""
    store.begin(_manifest(), _panel())
    with store.stream_shard(3) as file:
        file.write(SHARD)
    store.write_note(3, NOTE)
    return store


def _edit(store: SampleStore, path: str, change: Callable[[bytes], bytes]) -> None:
    folder, _, name = f"{store.folder}/{path}".rpartition("/")
    store.files.write(folder, name, change(store.files.read(folder, name)))


def _edited_json(**values: object) -> Callable[[bytes], bytes]:
    return lambda data: json.dumps(json.loads(data) | values).encode()


def test_what_is_written_is_read(made: SampleStore) -> None:
    manifest = made.read_manifest()
    assert {name: manifest[name] for name in _manifest()} == _manifest()
    panel = made.panel(manifest)
    assert panel.dtype == np.float32
    np.testing.assert_array_equal(panel, _panel())
    assert made.read_note(3) == NOTE
    with made.open_shard(3) as file:
        assert file.read() == SHARD
    assert made.shard_uri(3).endswith("/synthetic_samples/default/shards/shard-003.parquet")
    assert (made.shard_numbers(), made.note_numbers()) == ([3], [3])
    made.verify_shard(3)
    made.verify_shard(3, NOTE)


def test_an_empty_dataset_has_no_shards(store: SampleStore) -> None:
    assert (store.shard_numbers(), store.note_numbers()) == ([], [])


def test_files_of_other_names_are_no_shards(made: SampleStore) -> None:
    for name in ("shard-3.parquet", "shard-999.parquet", "shard-0003.parquet", "notes.json", "xshard-001.json"):
        made.files.write(f"{made.folder}/shards", name, b"")
    assert (made.shard_numbers(), made.note_numbers()) == ([3], [3])


def test_the_store_can_be_sent_to_a_worker(tmp_path: Path) -> None:
    store = SampleStore(LakeFiles(str(tmp_path)), "default")
    store.begin(_manifest(), _panel())
    again = pickle.loads(pickle.dumps(store))  # noqa: S301 - our own bytes
    assert again.read_manifest() == store.read_manifest()


def test_equal_inputs_are_equal_bytes_without_a_time_stamp(tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        store = SampleStore(LakeFiles(str(tmp_path / name)), "default")
        manifest = _manifest()
        store.begin(manifest if name == "one" else dict(reversed(manifest.items())), _panel())
        store.write_note(3, NOTE)
        paths = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        written.append([(path.relative_to(tmp_path / name), path.read_bytes()) for path in paths])
    assert written[0] == written[1]
    assert len(written[0]) == 3


def test_beginning_again_writes_nothing(tmp_path: Path) -> None:
    store = SampleStore(LakeFiles(str(tmp_path)), "default")
    store.begin(_manifest(), _panel())
    before = store.files.stamps(store.folder)
    store.begin(_manifest(), _panel())
    assert store.files.stamps(store.folder) == before


def test_beginning_again_mends_a_panel(made: SampleStore) -> None:
    _edit(made, "panel.npy", lambda data: data[:-1])
    made.begin(_manifest(), _panel())
    np.testing.assert_array_equal(made.panel(made.read_manifest()), _panel())


@pytest.mark.parametrize(
    ("changes", "where", "expected", "got"),
    [
        ({"layout": "windowed"}, "layout", "'index'", "'windowed'"),
        (
            {"layout": "windowed", "made_from": "x", "settings": {"seed": 8, "lookback": 64, "costs": {"fee_bp": 1.0}}},
            "settings.seed",
            "7",
            "8 (other differences: layout, made_from)",
        ),
        (
            {"settings": {"seed": 7, "lookback": 64, "costs": {"fee_bp": 2.5}}},
            "settings.costs.fee_bp",
            "1.0",
            "2.5",
        ),
        (
            {"settings": {"seed": 7, "lookback": 64, "costs": {"fee_bp": math.nan}}},
            "settings.costs.fee_bp",
            "1",
            "None",
        ),
        ({"market_sha256": "abd"}, "market_sha256", "'abc'", "'abd'"),
        ({"symbols": list("ABXDE")}, "symbols", "5 of them, number 2 'C'", "5, number 2 'X'"),
        ({"symbols": list("ABCD")}, "symbols", "5 of them, number 4 'E'", "4, number 4 none"),
        ({"added": 1}, "added", "none", "1"),
    ],
)
def test_other_inputs_are_refused_and_the_first_difference_is_named(
    made: SampleStore, changes: dict[str, object], where: str, expected: str, got: str
) -> None:
    before = made.read_manifest()
    with pytest.raises(SettingsError) as caught:
        made.begin(_manifest(**changes), _panel())
    assert caught.value.where == f"dataset default, {where}"
    assert caught.value.expected.startswith(expected)
    assert caught.value.expected.endswith("/synthetic_samples/default/manifest.json")
    assert caught.value.got == got
    assert "`overwrite: true`" in caught.value.mend
    assert made.read_manifest() == before


def test_another_panel_is_refused(made: SampleStore) -> None:
    with pytest.raises(SettingsError, match=r"panel\.sha256"):
        made.begin(_manifest(), _panel() * 2)
    np.testing.assert_array_equal(made.panel(made.read_manifest()), _panel())


def test_overwriting_replaces_and_makes_old_shards_stale(made: SampleStore) -> None:
    assert made.is_current(3, "inputs")
    made.begin(_manifest(layout="windowed", made_from="others"), _panel() * 2, overwrite=True)
    manifest = made.read_manifest()
    assert manifest["layout"] == "windowed"
    np.testing.assert_array_equal(made.panel(manifest), _panel() * 2)
    assert not made.is_current(3, str(manifest["made_from"]))


def test_a_damaged_manifest_is_replaced_by_overwriting_only(made: SampleStore) -> None:
    _edit(made, "manifest.json", lambda data: data[:40])
    with pytest.raises(LakeError, match=r"manifest\.json"):
        made.begin(_manifest(), _panel())
    made.begin(_manifest(), _panel(), overwrite=True)
    assert made.read_manifest()["dataset"] == "default"


def test_a_dataset_that_isn_t_there_is_said_with_the_command_that_makes_it(store: SampleStore) -> None:
    with pytest.raises(LakeError, match="no such file") as caught:
        store.read_manifest()
    assert caught.value.where.endswith("/synthetic_samples/default/manifest.json")
    assert "dagster job execute -m definitions -j synthetic_dataset" in caught.value.mend
    assert not store.require_same(_manifest())


@pytest.mark.parametrize("text", [b"", b"[1]", b'{"dataset": "default"', b"\xff\xfe", b"nul\x00l"])
def test_a_torn_manifest_is_refused(made: SampleStore, text: bytes) -> None:
    _edit(made, "manifest.json", lambda _: text)
    with pytest.raises(LakeError, match=r"manifest\.json"):
        made.read_manifest()


def test_a_renamed_dataset_is_refused(made: SampleStore) -> None:
    _edit(made, "manifest.json", _edited_json(dataset="other"))
    with pytest.raises(LakeError, match="the dataset default; got that of 'other'"):
        made.read_manifest()


@pytest.mark.parametrize(
    ("change", "got"),
    [
        (lambda data: data[:-1], "SHA-256"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "SHA-256"),
        (lambda _: b"", "SHA-256"),
    ],
)
def test_a_changed_panel_is_refused(made: SampleStore, change: Callable[[bytes], bytes], got: str) -> None:
    _edit(made, "panel.npy", change)
    with pytest.raises(LakeError, match=r"panel\.npy") as caught:
        made.panel(made.read_manifest())
    assert caught.value.got.startswith(got)
    assert "dagster job execute" in caught.value.mend


def _saved(values: npt.NDArray[Any], **options: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, values, **options)
    return file.getvalue()


def _archive() -> bytes:
    file = io.BytesIO()
    np.savez(file, panel=_panel())
    return file.getvalue()


class _Evil:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (os.environ["WAVEMILL_TEST_EVIL"],)


def test_a_panel_that_would_run_code_doesn_t_even_under_its_own_hash(
    made: SampleStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "evil"
    monkeypatch.setenv("WAVEMILL_TEST_EVIL", str(target))
    evil = _saved(np.array([[[_Evil()]]], dtype=object), allow_pickle=True)
    for data in (evil, pickle.dumps(_Evil()), _archive(), _saved(_panel().astype(np.float64)), b"not an array"):
        _edit(made, "panel.npy", lambda _, data=data: data)
        described = {"sha256": hashlib.sha256(data).hexdigest(), "shape": [3, 8, 5]}
        with pytest.raises(LakeError, match=r"panel\.npy"):
            made.panel({"panel": described})
    assert not target.exists()


@pytest.mark.parametrize("panel", [None, {}, {"sha256": "x"}, 3])
def test_a_manifest_without_its_panel_is_refused(made: SampleStore, panel: object) -> None:
    with pytest.raises(LakeError, match=r"manifest\.json"):
        made.panel({"panel": panel})


@pytest.mark.parametrize("panel", [np.zeros((2, 3, 5)), np.zeros((2, 3), np.float32)])
def test_another_array_is_no_panel(store: SampleStore, panel: npt.NDArray[Any]) -> None:
    with pytest.raises(InvalidInputError, match="float32"):
        store.begin(_manifest(), panel)


def test_a_changed_shard_is_named_with_both_hashes_and_the_command(made: SampleStore) -> None:
    changed = SHARD[:-1] + b"x"
    _edit(made, "shards/shard-003.parquet", lambda _: changed)
    with pytest.raises(LakeError) as caught:
        made.verify_shard(3)
    assert caught.value.where.endswith("/synthetic_samples/default/shards/shard-003.parquet")
    assert NOTE.sha256 in caught.value.expected
    assert hashlib.sha256(changed).hexdigest() in caught.value.got
    command = """dagster job execute -m definitions -j synthetic_dataset --tags '{"dagster/partition": "shard-003"}'"""
    assert command in caught.value.mend


def test_a_shard_that_is_gone_is_said(made: SampleStore) -> None:
    with pytest.raises(LakeError, match=r"shard-004\.parquet.*no such file"):
        made.verify_shard(4, NOTE)
    with pytest.raises(LakeError, match=r"shard-004\.json.*no such file"):
        made.verify_shard(4)
    with pytest.raises(FileNotFoundError):
        made.open_shard(4)


BAD_NOTES: list[Callable[[bytes], bytes]] = [
    lambda data: data[:30],
    lambda _: b"",
    lambda _: b"[]",
    lambda _: b"null",
    _edited_json(rows=11),
    _edited_json(rows=-1),
    _edited_json(rows="10"),
    _edited_json(bytes=True),
    _edited_json(bytes=1.5),
    _edited_json(sha256="abc"),
    _edited_json(sha256=None),
    _edited_json(made_from=1),
    _edited_json(row_groups=[[10], [0, 0]]),
    _edited_json(row_groups=[[11, -1]]),
    _edited_json(row_groups=[10]),
    _edited_json(row_groups=None),
    _edited_json(more=1),
    lambda data: json.dumps({name: value for name, value in json.loads(data).items() if name != "rows"}).encode(),
]


@pytest.mark.parametrize("change", BAD_NOTES)
def test_a_torn_or_edited_note_is_refused_and_its_shard_is_not_current(
    made: SampleStore, change: Callable[[bytes], bytes]
) -> None:
    _edit(made, "shard-003.json", change)
    with pytest.raises(LakeError, match=r"shard-003\.json") as caught:
        made.read_note(3)
    assert '"shard-003"' in caught.value.mend
    assert not made.is_current(3, "inputs")


def test_a_shard_is_current_if_it_was_made_from_the_same_and_is_whole(made: SampleStore) -> None:
    assert made.is_current(3, "inputs")
    assert not made.is_current(3, "other inputs")
    assert not made.is_current(4, "inputs")
    _edit(made, "shards/shard-003.parquet", lambda data: data[:-1])
    assert not made.is_current(3, "inputs")


def test_a_note_without_its_shard_is_not_current(store: SampleStore) -> None:
    store.write_note(3, NOTE)
    assert not store.is_current(3, "inputs")


def test_too_little_space_is_said_before_the_work(tmp_path: Path) -> None:
    store = SampleStore(LakeFiles(str(tmp_path / "not" / "yet" / "there")), "default")
    store.require_space(1_000)
    with pytest.raises(LakeError, match="1,000,000,000,000,000,000 bytes free"):
        store.require_space(10**18)


def test_storage_that_can_t_tell_has_space() -> None:
    SampleStore(LakeFiles("memory://elsewhere"), "default").require_space(10**18)


@pytest.mark.parametrize("name", ["a", "default", "2024-q1", "0", "a" * 63])
def test_names_of_datasets(name: str) -> None:
    assert SampleStore(LakeFiles("memory://lake"), name).folder == f"synthetic_samples/{name}"


@pytest.mark.parametrize(
    "name", ["", "-a", "A", "a/b", "..", ".", "a.b", "a b", "a\n", "a" * 64, "\u00e4", "\u0661", "a\x00", None, 3]
)
def test_other_names_of_datasets_are_refused_before_they_are_paths(name: Any) -> None:
    with pytest.raises(InvalidInputError, match="name of a dataset"):
        SampleStore(LakeFiles("memory://lake"), name)


@pytest.mark.parametrize("number", range(0, SHARD_COUNT, 53))
def test_shards_have_names_and_numbers(number: int) -> None:
    assert shard_number(shard_name(number)) == number


@pytest.mark.parametrize("number", [-1, SHARD_COUNT, True, 1.0, "1", None])
def test_other_numbers_are_no_shards(made: SampleStore, number: Any) -> None:
    for use in (shard_name, made.shard_uri, made.read_note, made.open_shard, made.stream_shard):
        with pytest.raises(InvalidInputError, match="number of a shard"):
            use(number)


@pytest.mark.parametrize(
    "name", ["", "shard-1", "shard-0001", "shard-320", "shard-999", "shard-001\n", "../shard-001", "shard-\u0661", 1]
)
def test_other_names_are_no_shards(name: Any) -> None:
    with pytest.raises(InvalidInputError, match="name of a shard"):
        shard_number(name)
