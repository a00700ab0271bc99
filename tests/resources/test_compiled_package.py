"""Which package is loaded, which is refused and with which words, and that one is written as a whole."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.forecast.network import build_module
from resources import compiled_package
from resources.compiled_package import (
    GOLDEN_ROWS,
    NOTE,
    PACKAGE,
    TOLERANCE,
    build_compiled,
    largest_difference,
    load_compiled,
    package_key,
)
from resources.network_blocks import BLOCK_ROWS, in_blocks
from resources.package_errors import (
    CompilerError,
    DamagedPackageError,
    MissingPackageError,
    OtherPackageError,
    RefusedPackageError,
    WrongResultsError,
)
from tests.compiled_network import CONFIG, FEATURES, compiled_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the folder with the package, to damage."""
    return Path(shutil.copytree(compiled_folder(), tmp_path / "compiled"))


@pytest.fixture
def at(folder: Path) -> Path:
    return folder / package_key(CONFIG, FEATURES).digest


def change(at: Path, **values: Any) -> None:
    """Change a note."""
    note = json.loads((at / NOTE).read_text())
    (at / NOTE).write_text(json.dumps(note | values))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_package_and_its_note_are_all_that_is_written(at):
    assert [path.name for path in at.parent.iterdir()] == [at.name]
    assert sorted(path.name for path in at.iterdir()) == [PACKAGE, NOTE]
    note = json.loads((at / NOTE).read_text())
    assert note["key"] == package_key(CONFIG, FEATURES).parts
    assert note["key"]["torch"] == torch.__version__
    assert (note["bytes"], note["sha256"]) == ((at / PACKAGE).stat().st_size, sha256(at / PACKAGE))


def test_a_package_is_loaded_and_computes_the_network(folder):
    compiled = load_compiled(folder, CONFIG, FEATURES)
    assert compiled.key == package_key(CONFIG, FEATURES)
    assert compiled.error <= 1e-6 < TOLERANCE
    assert compiled.bytes > 0
    assert compiled.seconds > 0.0
    assert compiled.cpu_instructions


def test_the_self_test_is_of_the_module_and_reaches_beyond_the_limits(at):
    weights, inputs = compiled_package._golden(CONFIG, FEATURES)
    note = json.loads((at / NOTE).read_text())
    stored = np.array(note["inputs"], dtype=np.float32)
    assert stored.tobytes() == inputs.tobytes()
    assert stored.shape == (GOLDEN_ROWS, FEATURES)
    expected = in_blocks(build_module(CONFIG, weights), inputs, (5, 11), "cpu")
    assert np.array(note["outputs"], dtype=np.float32).tobytes() == expected.tobytes()
    standardised = (inputs - weights["input_mean"]) / weights["input_deviation"]
    assert (np.abs(standardised) > 6.0).any(axis=0).sum() > FEATURES / 2
    # Each weight matters, so that none can be lost unseen.
    for name in weights:
        module = build_module(CONFIG, weights | {name: np.full_like(weights[name], 0.1)})
        assert largest_difference(in_blocks(module, inputs, (5, 11), "cpu"), expected) > 100 * TOLERANCE


def test_a_folder_that_is_empty_or_not_there_has_no_package(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(MissingPackageError, match=r"got no package. To mend: build it: dagster job execute"):
            load_compiled(folder, CONFIG, FEATURES)


@pytest.mark.parametrize(
    ("config", "features", "names"),
    [
        (replace(CONFIG, hidden=8), FEATURES, "shapes.b1"),
        (replace(CONFIG, seeds=(0,)), FEATURES, "shapes.b1"),
        (CONFIG, FEATURES + 1, "shapes.input_deviation"),
    ],
)
def test_a_package_of_another_network_is_named_with_what_differs(config, features, names):
    with pytest.raises(OtherPackageError, match=rf"got only others, 1 in number; the nearest has {names}"):
        load_compiled(compiled_folder(), config, features)


def test_a_package_of_another_torch_or_cpu_is_named_with_both(folder, monkeypatch):
    here = str(torch.__version__)
    with monkeypatch.context() as patch:
        patch.setattr(torch, "__version__", "2.99.0")
        with pytest.raises(OtherPackageError, match=re.escape(f"torch '{here}', here '2.99.0'. To mend: build it")):
            load_compiled(folder, CONFIG, FEATURES)
    able = dict(torch.cpu.get_capabilities())
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able | {"aaa": True})
    with pytest.raises(
        OtherPackageError, match=r"nearest has cpu_features \d+ of them, number 0 '.*', here \d+, .* 'aaa'"
    ):
        load_compiled(folder, CONFIG, FEATURES)


def test_the_nearest_of_several_packages_is_the_one_that_is_named(folder, at):
    for name, torch_version, device in (("near", "1.0", "cpu"), ("far", "1.0", "cuda")):
        shutil.copytree(at, folder / name)
        change(folder / name, key=package_key(CONFIG, FEATURES).parts | {"torch": torch_version, "device": device})
    (folder / "torn").mkdir()
    (folder / "torn" / NOTE).write_text("{")
    shutil.rmtree(at)
    with pytest.raises(OtherPackageError, match=r"2 in number; the nearest has torch '1.0', here '[\d.+a-z]+'\."):
        load_compiled(folder, CONFIG, FEATURES)


def test_a_package_in_the_place_of_another_is_not_touched(at):
    change(at, key=package_key(CONFIG, FEATURES).parts | {"cpu": "AVX9"})
    (at / PACKAGE).write_bytes(b"never looked at")
    with pytest.raises(OtherPackageError, match="got cpu 'AVX9', here"):
        load_compiled(at.parent, CONFIG, FEATURES)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def make_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


# A bit of a note may make another valid number; the self-test sees that.
@pytest.mark.parametrize(
    ("name", "damage"),
    [
        (PACKAGE, truncate),
        (PACKAGE, flip_a_bit),
        (PACKAGE, Path.unlink),
        (PACKAGE, make_a_folder),
        (NOTE, truncate),
        (NOTE, make_a_folder),
    ],
)
def test_damaged_files_are_named(at, name: str, damage: Callable[[Path], None]):
    damage(at / name)
    with pytest.raises(DamagedPackageError, match=rf"file {at / name}: .*To mend: build it"):
        load_compiled(at.parent, CONFIG, FEATURES)


def test_a_package_without_a_note_is_none(at):
    (at / NOTE).unlink()
    with pytest.raises(MissingPackageError):
        load_compiled(at.parent, CONFIG, FEATURES)


@pytest.mark.parametrize(
    "values",
    [
        {"key": 3},
        {"package": None},
        {"bytes": "many"},
        {"sha256": None},
        {"inputs": [[1.0], [2.0, 3.0]]},
        {"inputs": "none"},
        {"inputs": []},
        {"outputs": [[[0.0] * 11] * 5] * GOLDEN_ROWS},
        {"outputs": [[[1.0] * 10] * 5] * GOLDEN_ROWS},
    ],
    ids=lambda values: f"{next(iter(values))} {str(next(iter(values.values())))[:12]}",
)
def test_a_note_with_other_values_is_damaged(at, values):
    change(at, **values)
    with pytest.raises(DamagedPackageError):
        load_compiled(at.parent, CONFIG, FEATURES)


def test_a_note_that_is_no_note_is_damaged(at):
    for text in ("", "[]", "{}", "\x00", "null"):
        (at / NOTE).write_text(text)
        with pytest.raises(DamagedPackageError):
            load_compiled(at.parent, CONFIG, FEATURES)


def test_bytes_that_torch_refuses_are_told_as_that(at, capfd):
    (at / PACKAGE).write_bytes(b"no package")
    change(at, bytes=10, sha256=sha256(at / PACKAGE))
    with pytest.raises(RefusedPackageError):
        load_compiled(at.parent, CONFIG, FEATURES)
    capfd.readouterr()


@pytest.mark.parametrize("changed", [1.0001, float("nan")])
def test_a_package_that_computes_something_else_is_refused(at, changed):
    outputs = json.loads((at / NOTE).read_text())["outputs"]
    outputs[-1][-1][0] *= changed
    change(at, outputs=outputs)
    with pytest.raises(WrongResultsError, match="got a difference of"):
        load_compiled(at.parent, CONFIG, FEATURES)


def test_the_key_holds_what_the_code_depends_on_and_no_more(monkeypatch, tmp_path):
    digests = [package_key(CONFIG, FEATURES).digest]
    other = replace(CONFIG, epochs=99, seeds=(7, 8, 9), learning_rate=0.1)
    assert package_key(other, FEATURES).digest == digests[0]
    digests += [package_key(replace(CONFIG, hidden=25), FEATURES).digest, package_key(CONFIG, 16).digest]
    levels = (0.2, *CONFIG.levels[5:]), (*CONFIG.levels[:6], 0.8)
    digests += [package_key(replace(CONFIG, levels=each), FEATURES).digest for each in levels]
    source = tmp_path / "network.py"
    source.write_text("another formula")
    able = dict(torch.cpu.get_capabilities())
    for where, name, value in (
        (torch, "__version__", "2.99.0"),
        (torch.backends.cpu, "get_cpu_capability", lambda: "AVX9"),
        (torch.cpu, "get_capabilities", lambda: able | {"cpu_name": "Other"}),
        (torch.cpu, "get_capabilities", lambda: able | {"avx9": True}),
        (compiled_package, "BLOCK_ROWS", BLOCK_ROWS + 1),
        (compiled_package.network, "__file__", str(source)),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(where, name, value)
            digests.append(package_key(CONFIG, FEATURES).digest)
    assert len(set(digests)) == len(digests) == 11


def test_only_cpu_and_cuda_are_devices(tmp_path):
    with pytest.raises(InvalidInputError, match="expected one of cpu, cuda; got 'gpu'"):
        load_compiled(tmp_path, CONFIG, FEATURES, "gpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_named(tmp_path):
    for call in (load_compiled, build_compiled):
        with pytest.raises(BackendUnavailableError, match="expected a CUDA device that PyTorch can use; got none"):
            call(tmp_path, CONFIG, FEATURES, "cuda")


def test_a_build_that_fails_leaves_the_old_package_and_nothing_else(folder, at, monkeypatch):
    def fail(_module, _example, path):
        path.write_bytes(b"half")
        raise CompilerError("C++ compiler", expected="one", got="none", mend="install g++")

    before = sha256(at / PACKAGE)
    monkeypatch.setattr(compiled_package, "build", fail)
    with pytest.raises(CompilerError):
        build_compiled(folder, CONFIG, FEATURES)
    assert [path.name for path in folder.iterdir()] == [at.name]
    assert sha256(at / PACKAGE) == before


def test_a_build_that_computes_something_else_is_not_put_in_place(tmp_path, monkeypatch):
    def build_another(_module, _example, path):
        [good] = compiled_folder().glob(f"*/{PACKAGE}")
        shutil.copy(good, path)

    weights, inputs = compiled_package._golden(CONFIG, FEATURES)
    monkeypatch.setattr(compiled_package, "build", build_another)
    monkeypatch.setattr(compiled_package, "_golden", lambda *_: (weights | {"b3": weights["b3"] + 0.001}, inputs))
    with pytest.raises(WrongResultsError):
        build_compiled(tmp_path, CONFIG, FEATURES)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DamagedPackageError, match=r"write .*file.*set WAVEMILL_COMPILED to another folder"):
        build_compiled(tmp_path / "file" / "compiled", CONFIG, FEATURES)


def test_one_of_many_that_are_put_in_a_place_at_once_is_there_as_a_whole(tmp_path):
    def put(number: int) -> None:
        temporary = tmp_path / f".key.{number}.tmp"
        temporary.mkdir()
        for name in (PACKAGE, NOTE):
            (temporary / name).write_text(str(number))
        compiled_package._replace(temporary, tmp_path / "key")
        shutil.rmtree(temporary, ignore_errors=True)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(300)))
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
    assert (tmp_path / "key" / PACKAGE).read_text() == (tmp_path / "key" / NOTE).read_text()
