"""AOTInductor packages: a module of torch as machine code in one file, which is loaded without a compiler.

What belongs here: every name of torch that begins with an underscore; a test pins what they do. What doesn't: where
packages lie, and which of them may be loaded (`resources.compiled_package`).
"""

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from resources.package_errors import BUILD, CompilerError, RefusedPackageError

if TYPE_CHECKING:
    import torch

CHECK_INPUTS = "AOTI_RUNTIME_CHECK_INPUTS"
"""Where this is 1 at the first run of a package, it refuses inputs of another shape or dtype; else it computes nonsense
of them in silence."""

_CACHE = "TORCHINDUCTOR_CACHE_DIR"
_MODEL = "model"
_OPTIONS = {
    # One thread computes in one order, however many cores the machine has.
    "cpp.threads": 1,
    # A pool of compiler processes doesn't pay for one file.
    "compile_threads": 1,
    # They would stay behind, large, and pay only for a second build.
    "aot_inductor.precompile_headers": False,
    # Weights must stay apart from the code, so that others can take their place.
    "freezing": False,
    "aot_inductor.use_runtime_constant_folding": False,
}


class AotiPackage:
    """A loaded package. It runs on inputs of exactly the shape, dtype and device that it was built for.

    Attributes:
        weight_names: what `load_weights` wants.
    """

    def __init__(self, path: Path) -> None:
        """Load the machine code.

        Raises:
            RefusedPackageError: torch can't load it.
        """
        try:
            # Not on one thread without locks, one copy of the weights, on the device that it was built for.
            self._loader: Any = _loader_class()(str(path), _MODEL, False, 1, -1)
            self.weight_names = frozenset(self._loader.get_constant_fqns())
        except (ImportError, AttributeError, TypeError, RuntimeError) as error:
            raise _refused(path, "load", error) from error
        self._path = path
        self._has_run = False

    def load_weights(self, weights: Mapping[str, "torch.Tensor"]) -> None:
        """Replace all weights by copies of these. Shapes and dtypes are the caller's to check: torch doesn't.

        Args:
            weights: by the names of `weight_names`, each of the shape and dtype it was built with, on its device.

        Raises:
            RefusedPackageError: a missing or unknown name.
        """
        if weights.keys() != self.weight_names:
            names = f"the weights {sorted(weights)} where it has {sorted(self.weight_names)}"
            raise _refused(self._path, "load weights", ValueError(names))
        self._loader.load_constants(dict(weights), use_inactive=False, check_full_update=True)

    def run(self, inputs: "torch.Tensor") -> "torch.Tensor":
        """Compute the module's output.

        Raises:
            RefusedPackageError: inputs that it wasn't built for.
        """
        try:
            with _environment({} if self._has_run else {CHECK_INPUTS: "1"}):
                # It reads the variable once, at its first run.
                self._has_run = True
                [output] = self._loader.run([inputs])
        except RuntimeError as error:
            raise _refused(self._path, "run", error) from error
        result: torch.Tensor = output
        return result


def build(module: "torch.nn.Module", example: "torch.Tensor", path: Path) -> None:
    """Compile a module for inputs of the shape, dtype and device of `example`, in about half a minute.

    Args:
        module: of one input and one output; its parameters and buffers become weights that can be replaced.
        example: on the module's device.
        path: of the package, ending in .pt2.

    Raises:
        CompilerError: there is no C++ compiler, or it fails.
    """
    import torch
    from torch._inductor import aoti_compile_and_package

    with warnings.catch_warnings(), _fresh_cache():
        # torch warns of what it uses itself.
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        with torch.no_grad():
            exported = torch.export.export(module, (example,))
        try:
            aoti_compile_and_package(exported, package_path=str(path), inductor_configs=dict(_OPTIONS))
        except (RuntimeError, OSError) as error:
            raise _no_compiler(error) from error


def read_metadata(path: Path) -> dict[str, str]:
    """What a package says of itself, without loading its code: platform, CPU instructions, device.

    Raises:
        RefusedPackageError: no package.
    """
    try:
        return dict(_loader_class().load_metadata_from_package(str(path), _MODEL))
    except (ImportError, AttributeError, TypeError, RuntimeError) as error:
        raise _refused(path, "read", error) from error


def _loader_class() -> Any:
    # Not torch's public loader, which takes seconds.
    from torch._C._aoti import AOTIModelPackageLoader

    return AOTIModelPackageLoader


@contextmanager
def _fresh_cache() -> Iterator[None]:
    """An empty folder for what is compiled: torch's own lies where others may write, and grows by every build."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from torch._inductor.utils import clear_caches

    with TemporaryDirectory() as folder, _environment({_CACHE: folder}):
        # What torch remembers lies in another folder.
        clear_caches()
        try:
            yield
        finally:
            clear_caches()


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables that go back to what they were."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _refused(path: Path, verb: str, error: Exception) -> RefusedPackageError:
    return RefusedPackageError(
        f"package {path}",
        expected=f"a package that torch can {verb}",
        got=f"{type(error).__name__}: {_first_line(error)}",
        mend=f"build it again: {BUILD}",
    )


def _no_compiler(error: Exception) -> CompilerError:
    return CompilerError(
        "C++ compiler",
        expected="g++, or what the environment variable CXX names, that compiles for this machine",
        got=f"{type(error).__name__}: {_first_line(error)}",
        mend=f"install g++ (Debian, Ubuntu: apt-get install g++), then: {BUILD}. Without one, "
        "forecasts are computed eagerly",
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
