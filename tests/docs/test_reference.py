"""Pages made from the code are up to date; what the docs name exists."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tools.reference import PAGES

ROOT = Path(__file__).parents[2]
DOCS = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("name", ["settings.md", "operations.md", "commands.md"])
def test_reference_is_what_the_code_says(name: str) -> None:
    # In a process of its own: click remembers of a command how it was first asked for help.
    made = subprocess.run(
        [sys.executable, "-c", "import json; from tools.reference import pages; print(json.dumps(pages()))"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert (PAGES / name).read_text(encoding="utf-8") == json.loads(made.stdout)[name], "run: make docs"


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_that_the_docs_name_exist(page: Path) -> None:
    from clary.cli import COMMANDS

    for name in re.findall(r"(?:^|[`(\"$])clary ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE):
        assert name in COMMANDS, f"{page.name}: clary {name}"
