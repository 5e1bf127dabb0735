"""Who may import whom (docs/architecture.md), read from the code itself."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("serving", "feedback", "knowledge", "training", "eval", "ratchet", "demo")
MAY_IMPORT = {
    "feedback": set(),
    "knowledge": set(),
    "eval": set(),
    "serving": {"feedback", "knowledge"},
    "training": {"feedback", "knowledge"},
    "ratchet": {"serving", "feedback", "knowledge", "training", "eval", "demo"},
    "demo": {"knowledge", "eval"},  # public interfaces: the prompt's form and the suite's format
}
# One library, one place: a path prefix for each.
PLACES = {
    "vllm": (),
    "torch": (
        "training/recipes/",
        *(f"demo/{name}.py" for name in ("train_model", "evaluate_model", "first_weights")),
        *(f"demo/{name}.py" for name in ("new_model", "packed_loss")),
    ),
    "trl": ("training/recipes/",),
    "peft": ("training/recipes/",),
    "langchain_core": ("knowledge/", "serving/responders.py", "serving/agent.py"),
    "langchain_chroma": ("knowledge/",),
    "langchain": ("knowledge/", "serving/agent.py"),
    "chromadb": ("knowledge/",),
    "pypdfium2": ("knowledge/reading/",),
    "pdfplumber": ("knowledge/reading/",),
    "docx": ("knowledge/reading/",),
    "kiwipiepy": ("knowledge/reading/",),
    "gradio": ("serving/ui/",),
    "apscheduler": ("ratchet/scheduler.py",),
    "alembic": ("ratchet/migrations/",),
}
FORBIDDEN_NAMES = {"utils", "helpers", "common", "base", "core", "manager", "misc"}


def sources() -> list[Path]:
    return [p for package in PACKAGES for p in sorted((ROOT / package).rglob("*.py"))]


def imports(path: Path) -> set[str]:
    """Full dotted names of everything that the file imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_the_siblings_it_may(package: str) -> None:
    allowed = MAY_IMPORT[package] | {package}
    wrong = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for name in imports(path)
        if name.split(".")[0] in PACKAGES and name.split(".")[0] not in allowed
    }
    assert not wrong


@pytest.mark.parametrize("library", PLACES)
def test_a_library_is_touched_in_its_one_place(library: str) -> None:
    wrong = {
        str(path.relative_to(ROOT))
        for path in sources()
        if any(name.split(".")[0] == library for name in imports(path))
        and not str(path.relative_to(ROOT)).startswith(PLACES[library])
    }
    if library == "vllm":
        assert not any(n.split(".")[0] == "vllm" for path in sources() for n in imports(path))
    assert not wrong


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert not [p for p in sources() if p.stem in FORBIDDEN_NAMES]


def test_every_module_says_its_idea_first() -> None:
    silent = [
        str(p.relative_to(ROOT))
        for p in sources()
        if p.read_text(encoding="utf-8").strip()
        and not ast.get_docstring(ast.parse(p.read_text(encoding="utf-8")))
    ]
    assert not silent


@pytest.mark.parametrize("command", [["--help"], ["status"]])
def test_light_commands_load_nothing_heavy(command: list[str], tmp_path: Path) -> None:
    heavy = (
        *("torch", "gradio", "langchain", "langchain_core", "chromadb", "transformers", "vllm"),
        *("pypdfium2", "pdfplumber", "docx", "lxml", "kiwipiepy", "PIL", "numpy"),
    )
    code = (
        "import sys\n"
        "from ratchet.cli import main\n"
        f"sys.argv = ['ratchet', *{command!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"loaded = sorted(set({heavy!r}) & set(sys.modules))\n"
        "print('LOADED', loaded)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        env={"PATH": "/usr/bin:/bin", "RATCHET_HOME": str(tmp_path), "HOME": str(tmp_path)},
        check=False,
    )
    assert "LOADED []" in done.stdout, done.stdout + done.stderr


def test_what_people_only_imply_is_never_trained_on() -> None:
    readers = [
        str(path.relative_to(ROOT))
        for path in sources()
        if any(name.startswith("feedback.implied") for name in imports(path))
    ]
    assert [path for path in readers if path.startswith(("training/", "ratchet/"))] == []
