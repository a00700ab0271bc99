"""Compiled networks on the disk: `<folder>/<key>/network.pt2`, and beside it a note that says what it is.

A package is machine code. The key is made of everything that the code depends on, and not of the weights: those are
replaced after loading. What belongs here: which package is the right one, whole, and computes what it should. What
doesn't: torch's own loader (`resources.aoti_package`), and who runs it (`resources.forecaster`).
"""

import errno
import hashlib
import json
import os
import platform
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.forecast import network
from kernels.forecast.config import NetworkConfig
from kernels.forecast.network import build_module, network_shapes
from kernels.network_weights import Weights, require_device
from resources import aoti_package
from resources.aoti_package import AotiPackage, build, read_metadata
from resources.canonical_json import canonical_json, differences
from resources.network_blocks import BLOCK_ROWS, in_blocks
from resources.package_errors import (
    BUILD,
    DamagedPackageError,
    MissingPackageError,
    OtherPackageError,
    PackageError,
    WrongResultsError,
)

PACKAGE, NOTE = "network.pt2", "note.json"

GOLDEN_ROWS = 64
"""Rows of the self-test."""

TOLERANCE = 1e-5
"""What the self-test may differ by: a difference over the largest quantile of its row and horizon. Some units in the
last of float32's seven digits are usual, since a compiler orders sums in its own way."""

_SEED = 7
_MACHINE = ("torch", "platform", "cpu", "cpu_name", "cpu_features", "device", "gpu")


@dataclass(frozen=True)
class PackageKey:
    """What a package is for.

    Attributes:
        parts: everything that its code depends on, in clear.
        digest: names its folder.
    """

    parts: dict[str, Any]
    digest: str


@dataclass(frozen=True)
class CompiledNetwork:
    """A package that was loaded and tested.

    Attributes:
        key: what it is for.
        package: it runs on `BLOCK_ROWS` rows, with the weights of the self-test until others are loaded.
        bytes: of the package.
        cpu_instructions: that it was compiled for, as it says itself.
        error: the largest difference in its self-test, see `TOLERANCE`.
        seconds: that loading and testing took, without importing torch.
    """

    key: PackageKey
    package: AotiPackage
    bytes: int
    cpu_instructions: str
    error: float
    seconds: float


@dataclass(frozen=True)
class _Note:
    """What is known of a package: the parts of its key, what it says of itself, and its self-test."""

    key: dict[str, Any]
    package: dict[str, Any]
    bytes: int
    sha256: str
    inputs: npt.NDArray[np.float32]
    outputs: npt.NDArray[np.float32]

    def as_json(self) -> dict[str, Any]:
        """The note as numbers, strings and lists."""
        return {**vars(self), "inputs": self.inputs.tolist(), "outputs": self.outputs.tolist()}


def package_key(config: NetworkConfig, features: int, device: str = "cpu") -> PackageKey:
    """What a package of this network must be for, to run in this process.

    Args:
        config: of the network.
        features: inputs of the network.
        device: "cpu" or "cuda".

    Raises:
        InvalidInputError: another device.
        BackendUnavailableError: the device isn't there.
    """
    require_device("the forecaster", device)
    import torch

    able = torch.cpu.get_capabilities()
    sources = (Path(module.__file__ or "").read_bytes() for module in (network, aoti_package))
    parts = {
        "shapes": {name: list(shape) for name, shape in network_shapes(config, features).items()},
        "levels": list(config.levels),
        "block_rows": BLOCK_ROWS,
        "code": hashlib.sha256(b"".join(sources)).hexdigest()[:16],
        "torch": str(torch.__version__),
        "platform": f"{sys.platform} {platform.machine()}",
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "cpu_name": str(able.get("cpu_name", "")),
        # The compiler uses all that this CPU can do; another one might meet an unknown instruction.
        "cpu_features": sorted(name for name, value in able.items() if value is True),
        "device": device,
        "gpu": _gpu() if device == "cuda" else "",
    }
    return PackageKey(parts, hashlib.sha256(canonical_json(parts)).hexdigest()[:16])


def _gpu() -> str:
    import torch

    major, minor = torch.cuda.get_device_capability()
    return f"{torch.cuda.get_device_name()}, compute capability {major}.{minor}"


def load_compiled(folder: Path, config: NetworkConfig, features: int, device: str = "cpu") -> CompiledNetwork:
    """Load the package of a network, and test it. The code of a wrong or damaged package isn't touched.

    Raises:
        MissingPackageError: there is none.
        OtherPackageError: those that are there were built for something else, or this one is in the wrong place.
        DamagedPackageError: files that can't be read, or aren't those that were written.
        RefusedPackageError: torch can't load it.
        WrongResultsError: it doesn't compute what it should.
    """
    key = package_key(config, features, device)
    began = time.perf_counter()
    at = folder / key.digest
    note = _read_note(at)
    if note is None:
        raise _absent(folder, key)
    _require_whole(at, note, key)
    return _opened(at, note, key, device, began)


def build_compiled(folder: Path, config: NetworkConfig, features: int, device: str = "cpu") -> CompiledNetwork:
    """Compile a network for this machine, test it, and put it in its place as a whole. Takes about half a minute.

    Raises:
        CompilerError: there is no C++ compiler, or it fails.
        DamagedPackageError: the folder can't be written.
        RefusedPackageError: torch can't load what it built.
        WrongResultsError: the package doesn't compute what the network computes.
    """
    import torch

    key = package_key(config, features, device)
    at = folder / key.digest
    weights, inputs = _golden(config, features)
    module = build_module(config, weights).to(device)
    outputs = in_blocks(module, inputs, (len(config.horizons), len(config.levels)), device)
    temporary = folder / f".{key.digest}.{os.getpid()}.{secrets.token_hex(4)}.tmp"
    with _named_errors(folder):
        try:
            temporary.mkdir(parents=True)
            build(module, torch.zeros((BLOCK_ROWS, features), device=device), temporary / PACKAGE)
            path = temporary / PACKAGE
            note = _Note(key.parts, read_metadata(path), path.stat().st_size, _sha256(path), inputs, outputs)
            (temporary / NOTE).write_bytes(canonical_json(note.as_json()))
            made = _opened(temporary, note, key, device, time.perf_counter())
            _replace(temporary, at)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return made


def largest_difference(found: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> float:
    """The largest difference of quantiles, [N, H, Q], over the largest of their row and horizon; NaN if any is NaN."""
    scale = np.abs(expected).max(axis=2, keepdims=True)
    return float((np.abs(found - expected) / scale).max())


def _opened(at: Path, note: _Note, key: PackageKey, device: str, began: float) -> CompiledNetwork:
    package = AotiPackage(at / PACKAGE)
    names = key.parts["shapes"].keys()
    if package.weight_names != names:
        raise _wrong(at, f"the weights {sorted(names)}", f"{sorted(package.weight_names)}")
    error = largest_difference(in_blocks(package.run, note.inputs, note.outputs.shape[1:], device), note.outputs)
    if not error <= TOLERANCE:
        expected = f"the outputs of its note, to {TOLERANCE:g} of the largest quantile of each row and horizon"
        raise _wrong(at, expected, f"a difference of {error:.3g}")
    instructions = str(note.package.get("AOTI_CPU_ISA", ""))
    return CompiledNetwork(key, package, note.bytes, instructions, error, time.perf_counter() - began)


def _golden(config: NetworkConfig, features: int) -> tuple[Weights, npt.NDArray[np.float32]]:
    """Weights that make every part of the network count, and rows for the self-test, some beyond the limits."""
    random = np.random.Generator(np.random.PCG64(_SEED))
    weights: Weights = {}
    for name, shape in network_shapes(config, features).items():
        if name in ("gaps", "input_deviation"):
            drawn = random.uniform(0.5, 1.5, shape)
        else:
            drawn = random.uniform(-1.0, 1.0, shape) / np.sqrt(shape[-2] if name in ("w1", "w2", "w3") else 10.0)
        weights[name] = drawn.astype(np.float32)
    inputs = 3.0 * random.standard_normal((GOLDEN_ROWS, features))
    return weights, inputs.astype(np.float32)


def _read_note(at: Path) -> _Note | None:
    """The note of a package; None if there is none."""
    try:
        text = (at / NOTE).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _damaged(at / NOTE, f"{type(error).__name__}: {error.strerror or error}") from error
    try:
        values = json.loads(text)
        inputs, outputs = (np.array(values[name], dtype=np.float32) for name in ("inputs", "outputs"))
        note = _Note(
            dict(values["key"]), dict(values["package"]), int(values["bytes"]), values["sha256"], inputs, outputs
        )
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(at / NOTE, f"{type(error).__name__}: {error}") from error
    return note


def _require_whole(at: Path, note: _Note, key: PackageKey) -> None:
    """Compare a package with its note and with this machine, before any of its code is loaded."""
    if note.key != key.parts:
        raise OtherPackageError(
            f"package {at}",
            expected="a package of this network, torch and machine",
            got=_what_differs(note.key, key),
            mend=f"build it again: {BUILD}",
        )
    try:
        size, found = (at / PACKAGE).stat().st_size, _sha256(at / PACKAGE)
    except OSError as error:
        raise _damaged(at / PACKAGE, f"{type(error).__name__}: {error.strerror or error}") from error
    if (size, found) != (note.bytes, note.sha256):
        raise _damaged(at / PACKAGE, f"{size} bytes with the SHA-256 {found[:16]}, not those of its note")
    horizons, gaps = key.parts["shapes"]["gaps"]
    shapes = (GOLDEN_ROWS, *key.parts["shapes"]["input_mean"]), (GOLDEN_ROWS, horizons, gaps + 1)
    if (note.inputs.shape, note.outputs.shape) != shapes or not note.outputs.all():
        raise _damaged(at / NOTE, f"a self-test of {note.inputs.shape} to {note.outputs.shape}, or outputs of 0")


def _absent(folder: Path, key: PackageKey) -> PackageError:
    """There is no package of this key: is there one that is nearly it?"""
    others = []
    for at in sorted(folder.glob("[!.]*/")):
        try:
            note = _read_note(at)
        except DamagedPackageError:
            continue
        if note is not None:
            others.append((len(differences(note.key, key.parts, _MACHINE)), _what_differs(note.key, key)))
    kind: type[PackageError] = MissingPackageError
    got = "no package"
    if others:
        kind, got = OtherPackageError, f"only others, {len(others)} in number; the nearest has {min(others)[1]}"
    return kind(
        f"folder {folder}",
        expected=f"the compiled network {key.digest}",
        got=got,
        mend=f"build it: {BUILD}, with the `hidden` and `seeds` of the model where they aren't the defaults",
    )


def _what_differs(parts: dict[str, Any], key: PackageKey) -> str:
    found = differences(parts, key.parts, _MACHINE)
    return "; ".join(f"{each.path} {each.old}, here {each.new}" for each in found[:3])


def _replace(temporary: Path, at: Path) -> None:
    """Put a folder in the place of another. A reader in this very moment finds none, and computes without."""
    old = temporary.with_suffix(".old")
    with suppress(FileNotFoundError):
        at.rename(old)
    try:
        temporary.rename(at)
    except OSError as error:
        # Another process has just put a package of the same key there.
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _named_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DamagedPackageError(
            f"write {error.filename or folder}",
            expected="a folder with the right to read and write, and space left",
            got=f"{type(error).__name__}: {error.strerror or error}",
            mend="give this user the right, free some space, or set WAVEMILL_COMPILED to another folder",
        ) from error


def _wrong(at: Path, expected: str, got: str) -> WrongResultsError:
    return WrongResultsError(
        f"package {at / PACKAGE}",
        expected=expected,
        got=got,
        mend=f"build it again: {BUILD}",
    )


def _damaged(path: Path, got: str) -> DamagedPackageError:
    return DamagedPackageError(
        f"file {path}",
        expected="what was written when the network was compiled",
        got=got,
        mend=f"build it again: {BUILD}",
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
