"""Small functions, small modules."""

import ast


def written(library):
    """Leave out the migrations: a schema is as long as its tables."""
    return [m for m in library if "/migrations/versions/" not in m.name]


def body_lines(function: ast.FunctionDef) -> int:
    """Count a function's lines without its docstring."""
    has_docstring = ast.get_docstring(function) is not None
    docstring = function.body[0].end_lineno - function.body[0].lineno + 1 if has_docstring else 0
    return function.end_lineno - function.lineno + 1 - docstring


def test_no_module_has_more_than_300_lines(library):
    assert {m.name: n for m in written(library) if (n := m.text.count("\n")) > 300} == {}


def test_no_function_has_more_than_60_lines(library):
    long = {f"{m.name}:{f.name}": n for m in written(library) for f in m.functions() if (n := body_lines(f)) > 60}
    assert long == {}


def test_nineteen_of_twenty_functions_stay_under_40_lines(library):
    sizes = sorted(body_lines(f) for m in written(library) for f in m.functions())
    assert sizes[int(len(sizes) * 0.95)] < 40
