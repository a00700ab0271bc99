"""Opens the files of a dataset for reading, and refuses those that don't belong together."""

import json
from typing import Any

from kernels.errors import InvalidInputError, LakeError
from kernels.samples import COLUMNS, SPLITS
from resources.lake_files import LakeFiles
from resources.sample_plan import FORMAT_VERSION, LAYOUTS
from resources.sample_store import SampleStore, ShardNote, shard_name

_READ = frozenset(
    ("layout", "made_from", "settings", "symbols", "sessions", "columns", "window_channels", "scalers", "panel")
)
"""What the loader needs of a manifest."""


def open_store(folder: str) -> SampleStore:
    """The store of the dataset in `<lake>/synthetic_samples/<dataset>`, a local path or an fsspec URL.

    Raises:
        InvalidInputError: the path doesn't end like that.
    """
    parts = str(folder).rstrip("/").rsplit("/", 2)
    if len(parts) != 3 or parts[1] != "synthetic_samples":
        raise InvalidInputError(
            "open_samples, folder",
            expected="<lake>/synthetic_samples/<dataset>",
            got=repr(folder),
            mend="pass the folder of a dataset, and keep its name and that of the folder above when you copy it",
        )
    return SampleStore(LakeFiles(parts[0]), parts[2])


def read_manifest(store: SampleStore) -> dict[str, Any]:
    """What the dataset says of itself.

    Raises:
        LakeError: there is none, or it is damaged, or of another format or other columns than this code reads.
    """
    manifest = store.read_manifest()
    _require(store, "format_version", FORMAT_VERSION, manifest.get("format_version"))
    missing = sorted(_READ - manifest.keys())
    if missing:
        raise _unlike(store, ", ".join(missing), "a manifest that has them", "none")
    groups = {name: column["group"] for name, column in manifest["columns"].items()}
    for name in COLUMNS.keys() | groups.keys():
        known = COLUMNS[name].group if name in COLUMNS else "no such column"
        _require(store, f"column {name}", known, groups.get(name, "no such column"))
    if manifest["layout"] not in LAYOUTS:
        raise _unlike(store, "layout", " or ".join(LAYOUTS), repr(manifest["layout"]))
    return manifest


def read_notes(store: SampleStore, made_from: str) -> dict[int, ShardNote]:
    """The notes of all shards, by number.

    Raises:
        LakeError: no shard at all, a shard without a note or the reverse, a damaged note, or a shard that was made
            from something else than the manifest.
    """
    shards, noted = store.shard_numbers(), store.note_numbers()
    if not shards and not noted:
        raise LakeError(
            f"{store.files.root}/{store.folder}/shards",
            expected="at least one shard",
            got="none",
            mend=f"draw one: {_command(0)}",
        )
    for number in sorted(set(shards) ^ set(noted)):
        raise LakeError(
            store.shard_uri(number),
            expected="a shard and its note",
            got="no note: the run that drew it was killed, or still runs" if number in shards else "only the note",
            mend=f"wait for the run to end, or draw the shard again: {_command(number)}",
        )
    notes = {number: store.read_note(number) for number in noted}
    for number, note in notes.items():
        if note.made_from != made_from:
            raise LakeError(
                store.shard_uri(number),
                expected=f"a shard made from {made_from}, as the manifest says",
                got=f"one made from {note.made_from}: other prices, settings or code",
                mend=f"draw it again, with `overwrite: true`: {_command(number)}",
            )
        if any(len(counts) != len(SPLITS) for counts in note.row_groups):
            raise LakeError(
                store.shard_uri(number),
                expected=f"a note with the rows of {', '.join(SPLITS)} in each row group",
                got=f"{note.row_groups[0]}",
                mend=f"draw the shard again, with `overwrite: true`: {_command(number)}",
            )
    return notes


def _require(store: SampleStore, what: str, expected: object, got: object) -> None:
    if got != expected:
        raise _unlike(store, what, repr(expected), repr(got))


def _unlike(store: SampleStore, what: str, expected: str, got: str) -> LakeError:
    return LakeError(
        f"{store.files.uri(store.folder, 'manifest.json')}, {what}",
        expected=expected,
        got=got,
        mend="read it with the version of Wavemill that wrote it, or draw the dataset again",
    )


def _command(number: int) -> str:
    tags = json.dumps({"dagster/partition": shard_name(number)})
    return f"dagster job execute -m definitions -j synthetic_dataset --tags '{tags}', with the dataset's run config"
