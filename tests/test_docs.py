"""What the documents claim, checked against the code: commands, tree, settings, routes, links."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("benchmarks/*.md")]
)
PACKAGES = ("serving", "feedback", "knowledge", "training", "eval", "ratchet", "demo")


def test_the_two_commands_stand_in_the_first_25_lines() -> None:
    top = "\n".join(README.splitlines()[:25])
    assert "make run" in top
    assert "make test" in top


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    named = {
        target
        for document in DOCUMENTS
        for block in re.findall(
            r"```[a-z]*\n(.*?)```|`([^`\n]+)`", document.read_text(encoding="utf-8"), re.S
        )
        for target in re.findall(r"^\s*make ([a-z-]+)", "".join(block), re.M)
    }
    assert named
    assert named <= targets, named - targets


def test_ci_runs_what_the_readme_names() -> None:
    steps = re.findall(r"^make (\S+)", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.M)
    assert steps == ["system", "check", "test"]
    assert all(f"make {step}" in README for step in steps)


def test_the_tree_is_the_tree() -> None:
    tree = re.search(r"## Where things are\n\n```\n(.*?)```", README, re.S)
    assert tree
    folders, parent = [], ""
    for line in tree.group(1).splitlines():
        name = line.split()[0]
        parent = parent if line.startswith("  ") else name
        folders.append(parent + name if line.startswith("  ") else name)
    assert [f for f in folders if not (ROOT / f).is_dir()] == []
    assert {f"{p}/" for p in PACKAGES} <= set(folders)


def test_files_that_are_named_exist() -> None:
    missing = []
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        missing.extend(
            f"{document.relative_to(ROOT)}: {name}"
            for name in re.findall(
                r"`((?:{}|tests|docs|benchmarks)/[\w/.-]*)`".format("|".join(PACKAGES)), text
            )
            if not (ROOT / name).exists()
        )
        missing.extend(
            f"{document.relative_to(ROOT)}: {link}"
            for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
            if not (document.parent / link).exists()
        )
    assert not missing


def test_every_setting_is_documented() -> None:
    from ratchet.settings import setting_names

    documented = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert [name for name in setting_names() if f"`{name}`" not in documented] == []


def test_every_route_is_documented() -> None:
    routes = set()
    for path in sorted((ROOT / "serving").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        routes |= set(re.findall(r"@\w+\.(?:get|put|post|patch|delete)\(\s*\"([^\"]+)\"", text))
    assert len(routes) >= 12
    documented = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    named = {route.replace(":path", "") for route in routes}
    assert [route for route in sorted(named) if route not in documented] == []


@pytest.mark.parametrize(
    "command",
    [
        *("up", "serve", "worker", "cycle", "status", "adapters", "promote", "rollback", "hold"),
        *("resume", "keys", "feedback", "documents", "train", "advise", "eval", "doctor"),
        *("backup", "restore", "demo"),
    ],
)
def test_every_command_explains_itself(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ratchet", command, "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"ratchet {command}" in (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def test_the_changelog_knows_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## (Unreleased|\[?\d)", changelog, re.M)


def test_registered_words_are_in_the_glossary() -> None:
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    for word in (
        "Completion",
        "Responder",
        "Vote",
        "Comparison",
        "Correction",
        "Adapter",
        "Decision",
        "Cycle",
    ):
        assert word in glossary
