"""Files of the lake on a local folder or any fsspec URL: whole files in, whole files out, nothing half written.

Local: written to a temporary name in the same folder, fsynced, renamed. Elsewhere: one `pipe_file` or `put_file`, which
object stores show only when it is complete.
"""

import io
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import Any, BinaryIO

import fsspec
from fsspec.implementations.local import LocalFileSystem

from kernels.errors import LakeError

# A writer renames within seconds, so an hour-old temporary file belongs to a run that was killed.
STALE_TEMPORARY_SECONDS = 3600.0

_STREAM_BUFFER = 1 << 20

Stamp = tuple[object, ...]


class LakeFiles:
    """Atomic whole-file access below `root` (a local path, or an fsspec URL such as `memory://lake`)."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._fs, self._base = fsspec.core.url_to_fs(root)
        self._local = isinstance(self._fs, LocalFileSystem)

    def uri(self, folder: str, name: str) -> str:
        """The address of a file, for people."""
        return f"{self.root.rstrip('/')}/{folder}/{name}"

    def write(self, folder: str, name: str, data: bytes) -> None:
        """Replace the file as a whole: readers see the old or the new bytes, never a mixture.

        Raises:
            LakeError: no right to write, no space left, or any other fault of the storage; the old file is untouched.
        """
        with self._named_errors("write", folder, name):
            if not self._local:
                self._fs.pipe_file(f"{self._base}/{folder}/{name}", data)
                return
            directory = os.path.join(self._base, folder)
            os.makedirs(directory, exist_ok=True)
            temporary = os.path.join(directory, f".{name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
            try:
                with open(temporary, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, os.path.join(directory, name))
            except BaseException:
                # Also on KeyboardInterrupt; a kill leaves the file for `sweep`.
                if os.path.exists(temporary):
                    os.unlink(temporary)
                raise

    @contextmanager
    def stream(self, folder: str, name: str) -> Iterator[BinaryIO]:
        """A file to write piece by piece: it replaces the old one as a whole when the block ends without an error.

        The block must leave it open. Local: only a part of it is in memory, and never more than one copy on the disk
        beside the old file. Elsewhere it waits in a local temporary file and is uploaded at the end.

        Raises:
            LakeError: no right to write, no space left, or any other fault of the storage; the old file is untouched,
                and so it is after any other error of the block.
        """
        directory = os.path.join(self._base, folder) if self._local else tempfile.gettempdir()
        temporary = os.path.join(directory, f".{name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
        errors = partial(self._named_errors, "write", folder, name)
        with errors():
            os.makedirs(directory, exist_ok=True)
            raw = _NamedFile(temporary, errors)
        try:
            file = io.BufferedWriter(raw, _STREAM_BUFFER)
            yield file
            with errors():
                file.flush()
                os.fsync(raw.fileno())
                raw.close()
                if self._local:
                    os.replace(temporary, os.path.join(directory, name))
                else:
                    self._fs.put_file(temporary, f"{self._base}/{folder}/{name}")
        finally:
            # After an error the buffer is dropped, not written: closing `file` would.
            raw.close()
            if os.path.exists(temporary):
                os.unlink(temporary)

    def settle(self, folder: str) -> None:
        """Make the renames in a folder durable, and remove temporary files that killed runs left there."""
        directory = os.path.join(self._base, folder)
        if not self._local or not os.path.isdir(directory):
            return
        with self._named_errors("settle", folder, ""):
            for entry in os.scandir(directory):
                # Another run may rename its own file, or sweep the same one, in this very moment.
                with suppress(FileNotFoundError):
                    if entry.name.endswith(".tmp") and time.time() - entry.stat().st_mtime > STALE_TEMPORARY_SECONDS:
                        os.unlink(entry.path)
            descriptor = os.open(directory, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def delete(self, folder: str, name: str) -> None:
        """Remove a file; nothing happens if there is none.

        Raises:
            LakeError: no right to do so, or any other fault of the storage.
        """
        with self._named_errors("delete", folder, name), suppress(FileNotFoundError):
            self._fs.rm_file(f"{self._base}/{folder}/{name}")

    def read(self, folder: str, name: str) -> bytes:
        """The bytes of a file.

        Raises:
            FileNotFoundError: there is no such file.
            LakeError: any other fault of the storage.
        """
        with self._named_errors("read", folder, name):
            data: bytes = self._fs.cat_file(f"{self._base}/{folder}/{name}")
            return data

    def open(self, folder: str, name: str) -> BinaryIO:
        """The file, open for reading at any place in it.

        Raises:
            FileNotFoundError: there is no such file.
            LakeError: any other fault of the storage.
        """
        with self._named_errors("open", folder, name):
            file: BinaryIO = self._fs.open(f"{self._base}/{folder}/{name}", "rb")
            return file

    def free_bytes(self) -> int | None:
        """The bytes that this user may still write; None where the storage can't tell."""
        if not self._local:
            return None
        existing = os.path.abspath(self._base)
        while not os.path.isdir(existing):
            existing = os.path.dirname(existing)
        with self._named_errors("look up", ".", ""):
            space = os.statvfs(existing)
        return space.f_bavail * space.f_frsize

    def stamp(self, folder: str, name: str) -> Stamp | None:
        """The stamp of one file, as in `stamps`; None if there is no such file."""
        if not self._local:
            return self.stamps(folder).get(name)
        with self._named_errors("look up", folder, name):
            try:
                return _local_stamp(os.stat(os.path.join(self._base, folder, name)))
            except FileNotFoundError:
                return None

    def stamps(self, folder: str) -> dict[str, Stamp]:
        """File name -> a stamp that changes whenever the file is replaced. One listing, no file opened."""
        with self._named_errors("list", folder, ""):
            if self._local:
                directory = os.path.join(self._base, folder)
                if not os.path.isdir(directory):
                    return {}
                with os.scandir(directory) as entries:
                    return {
                        entry.name: _local_stamp(entry.stat()) for entry in entries if not entry.name.startswith(".")
                    }
            try:
                entries = self._fs.ls(f"{self._base}/{folder}", detail=True, refresh=True)
            except FileNotFoundError:
                return {}
            keys = ("ETag", "etag", "LastModified", "mtime", "created", "generation", "size")
            return {
                entry["name"].rsplit("/", 1)[-1]: tuple(str(entry[key]) for key in keys if key in entry)
                for entry in entries
                if entry["type"] == "file"
            }

    @contextmanager
    def _named_errors(self, verb: str, folder: str, name: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, LakeError):
            raise
        except OSError as error:
            raise LakeError(
                f"{verb} {self.uri(folder, name)}",
                expected="a folder with the right to read and write, and space left",
                got=f"{type(error).__name__}: {error.strerror or error}",
                mend="give this user the right, free some space, or set WAVEMILL_LAKE to another folder, and run "
                "again; what was written before is whole",
            ) from error


class _NamedFile(io.FileIO):
    """A new file whose errors at a write say which file of the lake was meant."""

    def __init__(self, path: str, errors: Callable[[], AbstractContextManager[None]]) -> None:
        super().__init__(path, "xb")
        self._errors = errors

    def write(self, data: Any, /) -> int:
        with self._errors():
            return super().write(data)


def _local_stamp(stat: os.stat_result) -> Stamp:
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
