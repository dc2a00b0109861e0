"""The layering, the size of files and functions, and what a plain repository must not hold."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "planner").rglob("*.py"))
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60


def test_import_contract_holds(monkeypatch):
    monkeypatch.chdir(ROOT)

    status = lint_imports(no_cache=True)

    assert status == EXIT_STATUS_SUCCESS


def test_files_and_functions_stay_small():
    long = {}
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        found = {
            node.name: lines
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and (lines := _code_lines(node)) > MAX_FUNCTION_LINES
        }
        if (lines := len(text.splitlines())) > MAX_FILE_LINES:
            found["the file"] = lines
        if found:
            long[str(path.relative_to(ROOT))] = found

    assert len(SOURCES) > 1
    assert not long, long


def _code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return lines - ((first.end_lineno or 0) - first.lineno + 1 if is_docstring else 0)


def test_only_the_solver_rooms_import_a_solver():
    users = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if re.search(r"^\s*(import|from) highspy", path.read_text(encoding="utf-8"), re.MULTILINE)
    }

    assert users <= {"planner/milp/highs.py", "planner/milp/bridge.py", "planner/milp/solver.py"}


def test_only_yaml_io_imports_the_yaml_library():
    users = [p.name for p in SOURCES if "ruamel" in p.read_text(encoding="utf-8")]

    assert users == ["yaml_io.py"]
