"""Every public name says what it is, in one sentence at least."""

import ast
from pathlib import Path

import pytest

import minigrad

FILES = sorted(Path(minigrad.__file__).parent.rglob("*.py"))
INHERITED = {"forward", "backprop", "move", "randomize", "parameters", "trained", "remembered",
             "remember", "error", "passed", "learning", "smooth", "step", "mend", "settle",
             "checkpoint", "run", "radii", "extents", "count", "field", "field_backprop", "energy",
             "promise", "flow", "flow_backprop", "flow_energy", "sweep", "unit_field", "begin",
             "write", "rule", "answer", "name", "passes_gradient", "update", "learn_rows",
             "carried", "voices", "voices_backprop", "title", "tie", "admit_samples"}  # fmt: skip


def public(tree):
    """Public classes and functions of a module, and the public methods of its public classes."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_":
            yield node.name, node
            for inner in node.body if isinstance(node, ast.ClassDef) else ():
                setter = any(
                    isinstance(d, ast.Attribute) for d in getattr(inner, "decorator_list", ())
                )
                if isinstance(inner, ast.FunctionDef) and inner.name[0] != "_" and not setter:
                    yield f"{node.name}.{inner.name}", inner


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_public_names_are_documented(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), f"{path.name} does not say what it is about"
    for name, node in public(tree):
        text = ast.get_docstring(node)
        if text is None:
            assert name.rpartition(".")[2] in INHERITED and "." in name, f"{name}: no docstring"
        else:
            assert text.split("\n\n")[0].rstrip().endswith((".", ":", ";", "?")), (
                f"{name}: {text!r}"
            )
