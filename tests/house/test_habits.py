"""Habits that no general tool knows of."""

import ast

import pytest

DOORS_THAT_PRINT = ("dmsops/cli.py", "dmsops/cli/")
ENVIRONMENT_READERS = {
    "dmsops/core/config.py",  # the one reader
    "dmsops/migrations/env.py",  # alembic's own entry, started outside a site
}
VAGUE = ("manager", "handler", "helper", "utils", "processor", "data", "info")


def calls(module):
    """Give every call of a module as dotted text with its line."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


def imported(module):
    """Give the top-level packages that a module imports."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_only_the_command_line_prints(library):
    silent = [m for m in library if not m.name.startswith(DOORS_THAT_PRINT)]
    assert [f"{m.name}:{line}" for m in silent for name, line in calls(m) if name == "print"] == []


def test_the_environment_is_read_in_one_file(library):
    found = [m.name for m in library if "os.environ" in m.text or "os.getenv" in m.text]
    assert [name for name in found if name not in ENVIRONMENT_READERS] == []


@pytest.mark.parametrize("name", ["eval", "exec", "os.system", "yaml.load", "pickle.load", "pickle.loads", "tempfile.mktemp"])
def test_nothing_given_from_outside_can_become_code(library, name):
    assert [f"{m.name}:{line}" for m in library for call, line in calls(m) if call == name] == []


def test_no_command_goes_through_a_shell(library):
    found = [
        f"{m.name}:{node.lineno}"
        for m in library
        for node in ast.walk(m.tree)
        if isinstance(node, ast.keyword)
        and node.arg == "shell"
        and not (isinstance(node.value, ast.Constant) and node.value.value is False)
    ]
    assert found == []


def test_only_the_clock_and_the_journal_ask_the_machine_for_the_time(library):
    # The journal writes both clocks: the site's, and the machine's beside it.
    allowed = {"dmsops/core/clock.py", "dmsops/core/journal.py"}
    asking = ("datetime.now", "datetime.utcnow", "datetime.datetime.now", "time.time", "date.today")
    assert [f"{m.name}:{line}" for m in library if m.name not in allowed for call, line in calls(m) if call in asking] == []


def test_names_say_what_a_thing_is(library):
    modules = [m.name for m in library if any(word in m.path.stem.split("_") for word in VAGUE)]
    classes = [
        f"{m.name}:{node.name}"
        for m in library
        for node in ast.walk(m.tree)
        if isinstance(node, ast.ClassDef) and node.name.lower().endswith(VAGUE)
    ]
    assert modules + classes == []


def test_the_standard_xml_readers_are_used_only_in_their_safe_form(library):
    unsafe = ("xml.etree", "xml.dom", "xml.sax", "xml.parsers")
    assert [f"{m.name}: {name}" for m in library for name in imported(m) if name.startswith(unsafe)] == []


def test_every_module_says_what_it_is_for(library):
    assert [m.name for m in library if m.text.strip() and ast.get_docstring(m.tree) is None] == []
