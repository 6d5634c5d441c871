"""Pages made from the code are up to date; what the docs name exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tools.reference import PAGES, pages

ROOT = Path(__file__).parents[2]
DOCS = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("name", ["settings.md", "operations.md", "commands.md"])
def test_reference_is_what_the_code_says(name: str) -> None:
    assert (PAGES / name).read_text(encoding="utf-8") == pages()[name], "run: make docs"


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
