"""README.md and docs/ are true: settings, commands, links. And no tracked file names a machine or a registry."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.settings import VARIABLES, Settings

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DOCUMENTS = [
    README,
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("kernels/*/*.md")),
]

# Every command of the README, as `normalised` writes it, and the file that runs it. A command without one can rot.
CLI_TESTS = "tests/jobs/test_cli.py"
COMMANDS = {
    "make run": CLI_TESTS,
    "make test": ".ci/run",
    "make ui": "tests/browser/test_ui.py",
    "WAVEMILL_PRICE_SOURCE= WAVEMILL_PRICES_PATH= make run": CLI_TESTS,
    "WAVEMILL_PRICE_SOURCE= WAVEMILL_CONSTITUENTS_PATH= make run": "tests/resources/price_sources/test_price_yahoo.py",
    "pip install -c constraints.txt -e .[EXTRA]": "Makefile",
    "dagster job execute -m definitions -j price_history --tags range": CLI_TESTS,
    "dagster job execute -m definitions -j daily_sp500 --tags session": CLI_TESTS,
    "dagster job execute -m definitions -j daily_sp500 --tags range": CLI_TESTS,
    "dagster job execute -m definitions -j daily_sp500 -c PROFILE --tags session": CLI_TESTS,
    "dagster job execute -m definitions -j calibrate_null --tags session": CLI_TESTS,
    "dagster job execute -m definitions -j synthetic_dataset --tags shard": CLI_TESTS,
    "dagster job execute -m definitions -j train_forecast_model --tags year": "tests/jobs/test_forecast_guide.py",
    "dagster job execute -m definitions -j scan_symbols -c PROFILE": CLI_TESTS,
    "dagster job execute -m definitions -j scan_symbols -c PROFILE -c FILE": CLI_TESTS,
    "dagster asset materialize -m definitions --select key:patterns --partition-range RANGE": CLI_TESTS,
    "dg launch --job daily_sp500 --partition-range RANGE": CLI_TESTS,
}
TAGS = {
    ("dagster/partition",): "session",
    ("dagster/asset_partition_range_end", "dagster/asset_partition_range_start"): "range",
}


def normalised(line: str) -> str:
    """A command line without its dates, values and file names; "" if it runs none of our tools."""
    words = shlex.split(line)
    values = [word for word in words if re.match(r"[A-Z_]+=", word)]
    tool = words[len(values) :]
    if not tool or tool[0] not in ("dagster", "dg", "pip", "make", "python"):
        return ""
    shown = [f"{word.split('=')[0]}=" for word in values]
    for word in tool:
        if word.startswith("{"):
            tags = json.loads(word)
            partition = re.sub(r"\d+", "", tags.get("dagster/partition", ""))
            word = {"shard-": "shard", "": "year"}.get(partition) if "dagster/partition" in tags else None
            word = word or TAGS[tuple(sorted(tags))]
        elif word.endswith(".yaml"):
            word = "PROFILE" if word.startswith("jobs/profiles/") else "FILE"
        word = re.sub(r"\d{4}-\d\d-\d\d\.\.\.\d{4}-\d\d-\d\d", "RANGE", word)
        shown.append(re.sub(r"^\.\[\w[\w-]*\]$", ".[EXTRA]", word))
    return " ".join(shown)


def fenced(text: str, language: str) -> list[str]:
    """The lines of all fenced blocks of a language."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def code(text: str) -> str:
    """Only what is set as code: fenced blocks and `inline` code."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
    return "\n".join([*blocks, *inline])


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_table_of_settings_is_the_one_that_is_read():
    rows = re.findall(r"^\| `(WAVEMILL_\w+)` \| (?:`([^`]*)`)? ?\|", README.read_text(), flags=re.MULTILINE)
    assert [variable for variable, _ in rows] == list(VARIABLES)
    defaults = Settings()
    for variable, default in rows:
        value = getattr(defaults, VARIABLES[variable])
        assert default == ("" if value is None else str(value)), variable


def test_every_command_of_the_readme_is_run_somewhere():
    shown = {normalised(line) for line in fenced(README.read_text(), "bash")} - {""}
    assert shown == set(COMMANDS)


@pytest.mark.parametrize("file", sorted(set(COMMANDS.values())))
def test_the_files_that_run_the_commands_exist(file):
    assert (ROOT / file).is_file()


def test_the_scan_file_of_the_readme_is_the_config_of_the_job():
    yaml = pytest.importorskip("yaml")
    defs = pytest.importorskip("definitions")
    shown = yaml.safe_load("\n".join(fenced(README.read_text(), "yaml")))
    [(op, config)] = shown["ops"].items()
    job = defs.defs.resolve_job_def("scan_symbols")
    assert op in {node.name for node in job.nodes}
    fields = job.get_node_named(op).definition.config_schema.config_type.fields
    assert set(config["config"]) <= set(fields)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_make_target_exists(document):
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    for words in re.findall(r"\bmake((?: [a-z][a-z-]*)+)", code(document.read_text())):
        assert set(words.split()) <= targets, words


def headings(text: str) -> set[str]:
    """The anchors of a document, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_relative_link_leads_somewhere(document):
    text = document.read_text()
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+://", target):
            continue
        file, _, anchor = target.partition("#")
        linked = (document.parent / file).resolve() if file else document
        assert linked.exists(), target
        if anchor:
            assert anchor in headings(linked.read_text()), target


def tracked_texts() -> Iterator[tuple[str, str]]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607
    if listing.returncode:
        pytest.skip("not a git checkout")
    for file in filter(None, listing.stdout.split("\0")):
        try:
            yield file, (ROOT / file).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue


# An absolute path below a folder where people and machines keep things; not a part of an address or a relative path.
MACHINE_PATH = re.compile(r"(?<![\w.~/\-}])/(?:home|root|work|tmp|opt|mnt|srv|var|Users)/\w")
# Put together here, so that this file names none either.
REGISTRY = re.compile(
    "|".join((r"py" + r"pi\.org", "python" + "hosted", r"anaconda\.org", r"docker\.io", "index" + "-url"))
)


@pytest.mark.parametrize(
    ("pattern", "bad", "good"),
    [
        (MACHINE_PATH, ["'/ho" + "me/me", "=/op" + "t/wheels"], ["../tmp/x", "a.org/home/x", "/usr/bin/env"]),
        (REGISTRY, ["https://pypi" + ".org/simple", "--extra-index" + "-url"], ["https://dagster.io"]),
    ],
    ids=["machine path", "registry"],
)
def test_no_tracked_text_names_one(pattern, bad, good):
    assert all(pattern.search(text) for text in bad)
    assert not any(pattern.search(text) for text in good)
    found = [
        f"{file}: {match[0]}"
        for file, text in tracked_texts()
        if file != name(Path(__file__))
        for match in pattern.finditer(text)
    ]
    assert found == []
