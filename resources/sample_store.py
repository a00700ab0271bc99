"""`SampleStore`: the files of a dataset of samples, `<lake>/synthetic_samples/<dataset>/`.

manifest.json (what the dataset was made from), panel.npy (what windows are gathered from), and for each shard its
Parquet file in shards/ and a note beside the manifest, which holds its SHA-256. In shards/ is nothing else, so that
others can read the folder as one table. No file has a time stamp: equal inputs are equal bytes.
What belongs here: names, bytes and whether they are those that were written. What doesn't: what the columns mean.
"""

import hashlib
import io
import json
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, fields
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError, LakeError, SettingsError
from resources.canonical_json import canonical_json, differences, shown
from resources.lake_files import LakeFiles

SHARD_COUNT = 320
"""Shards of a dataset at most."""

_FOLDER = "synthetic_samples"
_MANIFEST, _PANEL = "manifest.json", "panel.npy"
_DATASET = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_SHARD = re.compile(r"shard-(\d{3})")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HASHED_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class ShardNote:
    """What is known of a shard without opening it.

    Attributes:
        rows: of the shard.
        bytes: of its Parquet file.
        sha256: of its Parquet file, hexadecimal.
        made_from: fingerprint of everything it was made from, as in the manifest.
        row_groups: rows of each row group, by split.
    """

    rows: int
    bytes: int
    sha256: str
    made_from: str
    row_groups: list[list[int]]


class SampleStore:
    """The files of one dataset. It can be pickled.

    Attributes:
        files: of the lake.
        dataset: its name.
        folder: below the root of the lake.
    """

    def __init__(self, files: LakeFiles, dataset: str) -> None:
        """Nothing is read or written.

        Raises:
            InvalidInputError: a name that isn't 1 to 63 of a-z, 0-9 and hyphen, or begins with a hyphen.
        """
        if not isinstance(dataset, str) or not _DATASET.fullmatch(dataset):
            raise InvalidInputError(
                "name of a dataset",
                expected="1 to 63 of a-z, 0-9 and hyphen, beginning with a letter or digit",
                got=shown(dataset),
                mend="correct `dataset`",
            )
        self.files = files
        self.dataset = dataset
        self.folder = f"{_FOLDER}/{dataset}"
        self._shards = f"{self.folder}/shards"

    def begin(self, manifest: Mapping[str, object], panel: npt.NDArray[np.float32], *, overwrite: bool = False) -> None:
        """Write manifest and panel, or see that the same ones are there. Call before the first shard.

        Args:
            manifest: what the dataset is made from; `panel`, its SHA-256 and shape, is added.
            panel: float32 [S, T, channels].
            overwrite: write them even if others are there. Shards that were made from these are stale then.

        Raises:
            SettingsError: the dataset was made from something else; the first difference is named.
            LakeError: the storage refuses, or the manifest there is damaged.
        """
        data = _as_npy(panel)
        described = {"sha256": hashlib.sha256(data).hexdigest(), "shape": list(panel.shape)}
        asked = {**manifest, "panel": described}
        same = not overwrite and self.require_same(asked)
        if not same or self._sha256_or_none(self.folder, _PANEL) != described["sha256"]:
            self.files.write(self.folder, _PANEL, data)
        if not same:
            self.files.write(self.folder, _MANIFEST, canonical_json(asked))
        self.files.settle(self.folder)

    def require_same(self, manifest: Mapping[str, object]) -> bool:
        """Whether there is a manifest; if there is, it must be equal to this one.

        Raises:
            SettingsError: it isn't; the first difference is named, that of a setting before others.
            LakeError: the manifest there is damaged.
        """
        try:
            old = self._read_json(_MANIFEST)
        except FileNotFoundError:
            return False
        # In the order of the manifest, which names causes before fingerprints; JSON has sorted both.
        different = differences(old, json.loads(canonical_json(manifest)), ["settings", *manifest])
        if not different:
            return True
        first = different[0]
        others = sorted({each.path.split(".")[0] for each in different[1:]} - {first.path})
        raise SettingsError(
            f"dataset {self.dataset}, {first.path}",
            expected=f"{first.old}, as in {self.files.uri(self.folder, _MANIFEST)}",
            got=first.new + (f" (other differences: {', '.join(others)})" if others else ""),
            mend=f"choose another `dataset`, or the old {first.path}, or replace this dataset: add `overwrite: true` "
            f"to its run config and, for each of its shards, {_command(0)}",
        )

    def read_manifest(self) -> dict[str, Any]:
        """What the dataset was made from.

        Raises:
            LakeError: there is none, or it is damaged, or another dataset's.
        """
        try:
            manifest = self._read_json(_MANIFEST)
        except FileNotFoundError as error:
            raise self._damaged(_MANIFEST, "the manifest of a dataset", "no such file", _command(0)) from error
        if manifest.get("dataset") != self.dataset:
            raise self._damaged(
                _MANIFEST,
                f"the manifest of the dataset {self.dataset}",
                f"that of {shown(manifest.get('dataset'))}",
                "give the folder its old name back",
            )
        return manifest

    def panel(self, manifest: Mapping[str, Any]) -> npt.NDArray[np.float32]:
        """The panel that windows are gathered from, float32 [S, T, channels].

        Raises:
            LakeError: there is none, or it isn't the one that the manifest describes.
        """
        mend = f"run again, which writes it: {_command(0)}"
        try:
            sha256, shape = str(manifest["panel"]["sha256"]), list(manifest["panel"]["shape"])
        except (KeyError, TypeError) as error:
            raise self._damaged(_MANIFEST, "the SHA-256 and the shape of the panel", "none", mend) from error
        try:
            data = self.files.read(self.folder, _PANEL)
        except FileNotFoundError as error:
            raise self._damaged(_PANEL, "the panel of the manifest", "no such file", mend) from error
        found = hashlib.sha256(data).hexdigest()
        if found != sha256:
            raise self._damaged(_PANEL, f"SHA-256 {sha256}, as in the manifest", f"SHA-256 {found}", mend)
        try:
            # Not np.load: it would open archives too.
            panel = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise self._damaged(_PANEL, "an array of NumPy", f"{type(error).__name__}: {error}", mend) from error
        if panel.dtype != np.float32 or list(panel.shape) != shape:
            raise self._damaged(_PANEL, f"float32 {shape}", f"{panel.dtype} {list(panel.shape)}", mend)
        return np.ascontiguousarray(panel)

    def shard_uri(self, number: int) -> str:
        """The address of a shard's Parquet file."""
        return self.files.uri(self._shards, f"{shard_name(number)}.parquet")

    def stream_shard(self, number: int) -> AbstractContextManager[BinaryIO]:
        """A shard's Parquet file to write piece by piece, see `LakeFiles.stream`."""
        return self.files.stream(self._shards, f"{shard_name(number)}.parquet")

    def open_shard(self, number: int) -> BinaryIO:
        """A shard's Parquet file, open for reading.

        Raises:
            FileNotFoundError: there is none.
            LakeError: any other fault of the storage.
        """
        return self.files.open(self._shards, f"{shard_name(number)}.parquet")

    def shard_numbers(self) -> list[int]:
        """The shards whose Parquet file is there, in order."""
        return self._numbers(self._shards, ".parquet")

    def note_numbers(self) -> list[int]:
        """The shards whose note is there, in order."""
        return self._numbers(self.folder, ".json")

    def write_note(self, number: int, note: ShardNote) -> None:
        """Write a shard's note. Write it last: a shard counts as made from then on."""
        self.files.write(self.folder, f"{shard_name(number)}.json", canonical_json(asdict(note)))
        for folder in (self._shards, self.folder):
            self.files.settle(folder)

    def read_note(self, number: int) -> ShardNote:
        """A shard's note.

        Raises:
            LakeError: there is none, or it is torn or edited.
        """
        name = f"{shard_name(number)}.json"
        try:
            stored = self._read_json(name, number)
        except FileNotFoundError as error:
            raise self._damaged(name, "the note of a shard", "no such file", _command(number)) from error
        fault = _fault_of_note(stored)
        if fault:
            expected = f"{', '.join(field.name for field in fields(ShardNote))} as they were written"
            raise self._damaged(name, expected, fault, _again(number))
        return ShardNote(**stored)

    def is_current(self, number: int, made_from: str) -> bool:
        """Whether a shard is there and was made from `made_from`. Its size is looked at, its bytes aren't.

        Raises:
            LakeError: the storage refuses.
        """
        try:
            note = ShardNote(**json.loads(self.files.read(self.folder, f"{shard_name(number)}.json")))
            with self.open_shard(number) as file:
                size = file.seek(0, io.SEEK_END)
        except (FileNotFoundError, ValueError, TypeError):
            # A damaged note is as good as none: the shard is made again.
            return False
        return not _fault_of_note(asdict(note)) and note.made_from == made_from and note.bytes == size

    def verify_shard(self, number: int, note: ShardNote | None = None) -> None:
        """Compare the bytes of a shard with its note; they are read piece by piece.

        Raises:
            LakeError: it isn't there, or differs; both hashes are named.
        """
        note = note or self.read_note(number)
        name = f"{shard_name(number)}.parquet"
        found = self._sha256_or_none(self._shards, name)
        if found != note.sha256:
            got = "no such file" if found is None else f"SHA-256 {found}"
            raise self._damaged(f"shards/{name}", f"SHA-256 {note.sha256}, as in its note", got, _again(number))

    def require_space(self, needed: int) -> None:
        """Refuse work that can't be finished for lack of space; storage that can't tell has enough.

        Raises:
            LakeError: fewer than `needed` bytes are free.
        """
        free = self.files.free_bytes()
        if free is not None and free < needed:
            raise LakeError(
                f"folder {self.files.root}/{self.folder}",
                expected=f"{needed:,} bytes free for the shards asked for",
                got=f"{free:,}",
                mend="free some space, ask for fewer shards or fewer `rows_per_shard`, or set WAVEMILL_LAKE to another "
                "folder",
            )

    def _numbers(self, folder: str, suffix: str) -> list[int]:
        found = [name.removesuffix(suffix) for name in self.files.stamps(folder) if name.endswith(suffix)]
        return sorted(int(name[-3:]) for name in found if _is_shard(name))

    def _sha256_or_none(self, folder: str, name: str) -> str | None:
        digest = hashlib.sha256()
        try:
            with self.files.open(folder, name) as file:
                while piece := file.read(_HASHED_AT_ONCE):
                    digest.update(piece)
        except FileNotFoundError:
            return None
        return digest.hexdigest()

    def _read_json(self, name: str, number: int = 0) -> dict[str, Any]:
        data = self.files.read(self.folder, name)
        try:
            value = json.loads(data)
            if not isinstance(value, dict):
                raise ValueError(f"it holds {type(value).__name__}, not an object")
        except ValueError as error:
            raise self._damaged(name, "the JSON that was written", str(error), _again(number)) from error
        return value

    def _damaged(self, path: str, expected: str, got: str, mend: str) -> LakeError:
        return LakeError(self.files.uri(self.folder, path), expected=expected, got=got, mend=mend)


def shard_name(number: int) -> str:
    """The name of a shard: 7 -> "shard-007".

    Raises:
        InvalidInputError: no number from 0 to `SHARD_COUNT` - 1.
    """
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < SHARD_COUNT:
        raise InvalidInputError(
            "number of a shard", expected=f"0 to {SHARD_COUNT - 1}", got=shown(number), mend="correct the number"
        )
    return f"shard-{number:03d}"


def shard_number(name: str) -> int:
    """The number of a shard: "shard-007" -> 7.

    Raises:
        InvalidInputError: no name from "shard-000" on.
    """
    if not isinstance(name, str) or not _is_shard(name):
        raise InvalidInputError(
            "name of a shard",
            expected=f"shard-000 to {shard_name(SHARD_COUNT - 1)}",
            got=shown(name),
            mend="correct the name of the shard",
        )
    return int(name[-3:])


def _as_npy(panel: npt.NDArray[np.float32]) -> bytes:
    if panel.dtype != np.float32 or panel.ndim != 3:
        raise InvalidInputError(
            "panel", expected="float32 [S, T, channels]", got=f"{panel.dtype} {list(panel.shape)}", mend="convert it"
        )
    file = io.BytesIO()
    np.save(file, np.ascontiguousarray(panel), allow_pickle=False)
    return file.getvalue()


def _fault_of_note(stored: Mapping[str, Any]) -> str:
    """What is wrong with the values of a note; empty if nothing."""
    names = {field.name for field in fields(ShardNote)}
    if stored.keys() != names:
        return f"missing {sorted(names - stored.keys())}, unknown {sorted(stored.keys() - names)}"
    for name in ("rows", "bytes"):
        if not _is_count(stored[name]):
            return f"{name} {shown(stored[name])}"
    if not isinstance(stored["sha256"], str) or not _SHA256.fullmatch(stored["sha256"]):
        return f"sha256 {shown(stored['sha256'])}"
    if not isinstance(stored["made_from"], str):
        return f"made_from {shown(stored['made_from'])}"
    groups = stored["row_groups"]
    if not isinstance(groups, list) or not all(isinstance(group, list) for group in groups):
        return f"row_groups {shown(groups)}"
    counts = [count for group in groups for count in group]
    if not all(map(_is_count, counts)) or len({len(group) for group in groups}) > 1 or sum(counts) != stored["rows"]:
        return f"row_groups that don't add up to {stored['rows']} rows"
    return ""


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_shard(name: str) -> bool:
    match = _SHARD.fullmatch(name)
    return match is not None and int(match[1]) < SHARD_COUNT


def _command(number: int) -> str:
    tags = json.dumps({"dagster/partition": shard_name(number)})
    return f"dagster job execute -m definitions -j synthetic_dataset --tags '{tags}', with the dataset's run config"


def _again(number: int) -> str:
    return f"delete the file and make it again: {_command(number)}"
