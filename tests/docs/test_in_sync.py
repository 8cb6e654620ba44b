"""The documentation and the code say the same."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jupyter_async_exec.cli.command import build_parser
from jupyter_async_exec.cli.verbs import VERBS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent.parent
#: Folders that hold nothing of ours to read, besides those whose name begins with a dot.
FOREIGN = {"node_modules", "lib", "dist", "labextension", "test-results", "playwright-report"}

FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HTML_LINK = re.compile(r"(?:src|srcset|href)=\"([^\"]+)\"")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
TERM = re.compile(r"^### (.+)$", re.MULTILINE)
COMMAND = re.compile(r"jupyter async-exec ([\w-]+)")
VARIABLE = re.compile(r"\bJUPYTER_ASYNC_EXEC_[A-Z_]+\b")


def _files(*suffixes: str) -> Iterator[Path]:
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(set(folders) - FOREIGN - {n for n in folders if n.startswith(".")})
        yield from (Path(folder, name) for name in sorted(names) if name.endswith(suffixes))


PAGES = [pytest.param(path, id=str(path.relative_to(ROOT))) for path in _files(".md")]


@cache
def _anchors(path: Path) -> frozenset[str]:
    """Return the fragments that GitHub gives to the headings of a page."""
    anchors: list[str] = []
    for heading in HEADING.findall(FENCE.sub("", path.read_text(encoding="utf-8"))):
        plain = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        n_before = sum(bool(re.fullmatch(re.escape(plain) + r"(-\d+)?", each)) for each in anchors)
        anchors.append(f"{plain}-{n_before}" if n_before else plain)
    return frozenset(anchors)


def _links(path: Path) -> Iterator[str]:
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    yield from HTML_LINK.findall(text)
    yield from LINK.findall(INLINE_CODE.sub("", text))


def _is_broken(page: Path, link: str) -> bool:
    if re.match(r"[a-z]+:", link):
        return False
    target, _, fragment = link.partition("#")
    path = (page.parent / target).resolve() if target else page
    if not path.exists():
        return True
    return bool(fragment) and path.suffix == ".md" and fragment not in _anchors(path)


@pytest.mark.slow
def test_the_generated_pages_are_those_of_the_code() -> None:
    check = [sys.executable, str(ROOT / "docs" / "generate_reference.py"), "--check"]

    done = subprocess.run(check, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES)
def test_every_link_and_image_leads_somewhere(page: Path) -> None:
    broken = [link for link in _links(page) if _is_broken(page, link)]

    assert broken == []


@pytest.mark.parametrize("page", PAGES)
def test_every_verb_that_is_named_exists(page: Path) -> None:
    named = set(COMMAND.findall(page.read_text(encoding="utf-8")))

    assert named - {"VERB"} <= set(VERBS)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_line_that_is_shown_can_be_parsed(page: Path) -> None:
    shown = [
        line.partition("#")[0] if " # " in line else line
        for block in FENCE.findall(page.read_text(encoding="utf-8"))
        if block.startswith(("```sh", "```bash"))
        for line in block.splitlines()
        if line.startswith("jupyter async-exec")
    ]
    for line in shown:
        words = list(takewhile(lambda word: word not in {"|", ">"}, shlex.split(line)))

        build_parser().parse_args(words[2:])


@pytest.mark.parametrize("page", PAGES)
def test_every_variable_that_is_named_exists(page: Path) -> None:
    named = set(VARIABLE.findall(page.read_text(encoding="utf-8")))
    code = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "jupyter_async_exec").rglob("*.py")
    )

    assert {name for name in named if name not in code} == set()


def test_the_readme_names_the_two_commands_of_contributors() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert "make run" in readme
    assert "make test" in readme


def test_every_word_of_the_glossary_is_used() -> None:
    glossary = ROOT / "docs" / "glossary.md"
    words = TERM.findall(glossary.read_text(encoding="utf-8"))
    used = "\n".join(
        path.read_text(encoding="utf-8").lower()
        for path in _files(".py", ".ts", ".tsx", ".md", ".yaml")
        if path != glossary
    )

    unused = [word for word in words if not re.search(rf"\b{re.escape(word.lower())}", used)]

    assert len(words) > 20
    assert unused == []
