"""What the guides in docs/ show: their code blocks and tables, and a process that runs their Python."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


def guide(name: str) -> str:
    """The text of a guide."""
    return (DOCS / f"{name}.md").read_text()


def blocks(name: str, language: str) -> list[str]:
    """The code blocks of a guide in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", guide(name), flags=re.DOTALL | re.MULTILINE)


def rows_of(name: str) -> dict[str, list[str]]:
    """The rows of a guide's tables whose first cell is one word of code: the other cells."""
    found = re.findall(r"^\| `(\w+)` \| (.*) \|$", guide(name), flags=re.MULTILINE)
    return {first: rest.split(" | ") for first, rest in found}


def run_python(code: str, folder: Path) -> str:
    """What a Python process in a folder prints."""
    command = [sys.executable, "-W", "error", "-c", code]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
