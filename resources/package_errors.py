"""Why a compiled network can't be built or used: each reason is a type, and says how to mend it."""

from kernels.errors import WavemillError

BUILD = "dagster job execute -m definitions -j compile_forecaster"
"""The command that builds the package of this machine."""


class PackageError(WavemillError, RuntimeError):
    """A compiled network that can't be built or used; the network itself can be computed all the same."""


class MissingPackageError(PackageError):
    """No package of this network was built here yet."""


class OtherPackageError(PackageError):
    """Only packages of another CPU, device, torch or network."""


class DamagedPackageError(PackageError):
    """Files that can't be read or written, or aren't those that were written."""


class RefusedPackageError(PackageError):
    """A package, whole and of this machine, that torch can't load or run."""


class WrongResultsError(PackageError):
    """A package that computes something else than the network it was built from."""


class CompilerError(PackageError):
    """No C++ compiler to build with, or one that fails."""
