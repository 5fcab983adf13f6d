"""What is written for people agrees with what is there."""

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from dmsops.core import config, errors

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("[!_r]*/*.md"))]


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def consoles(text):
    """Give the command lines of a document's console blocks, without prompt and comment."""
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for line in block.splitlines():
            yield re.sub(r"\s+#.*", "", line.removeprefix("$ ")).strip()


def dmsops_commands(document):
    """Give each dmsops command that a document shows, as words."""
    text = document.read_text(encoding="utf-8")
    for line in consoles(text):
        words = line.split()
        if words and words[0].endswith("dmsops"):
            yield words[1:]


def quoted_commands(text):
    return [found.split() for found in re.findall(r"(?:`|<code>)dmsops ([^`<]+)(?:`|</code>)", text)]


def problem_with(group, words):
    """Say what is wrong with a command as shown, or None."""
    command = group
    rest = list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        command = command.get_command(click.Context(command), rest.pop(0))
        if command is None:
            return f"no such command: {' '.join(words)}"
    options = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    wrong = [word for word in rest if word.startswith("--") and word.split("=")[0] not in options]
    return f"{' '.join(words)}: no option {wrong[0]}" if wrong else None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_every_command_that_a_document_shows_exists(generate, document):
    group = generate.command_group()
    assert [p for words in dmsops_commands(document) if (p := problem_with(group, words))] == []


@pytest.mark.parametrize("pattern", ["dmsops/**/*.py", "dashboards/**/*.py", "runbooks/*.ipynb", "docs/[!_]*/*.md"])
def test_every_command_that_a_text_names_exists(generate, pattern):
    group = generate.command_group()
    named = [words for path in ROOT.glob(pattern) for words in quoted_commands(path.read_text(encoding="utf-8"))]
    assert named
    assert sorted({p for words in named if (p := problem_with(group, words))}) == []


def test_the_first_page_leads_to_every_how_to():
    page = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    assert [p.name for p in (ROOT / "docs/howto").glob("*.md") if f"(howto/{p.name})" not in page] == []


def test_every_verb_of_the_command_line_tells_what_it_does(generate):
    assert [path for path, command in generate.commands(generate.command_group()) if not command.help] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_every_make_verb_that_a_document_shows_exists(document):
    verbs = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    shown = {words[1] for line in consoles(document.read_text(encoding="utf-8")) if (words := line.split())[:1] == ["make"]}
    assert shown - verbs == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_every_link_inside_the_project_leads_somewhere(document):
    text = document.read_text(encoding="utf-8")
    targets = [t.split("#")[0] for t in re.findall(r"\]\(([^)\s]+)\)", text) if not t.startswith(("http", "#"))]
    assert [t for t in targets if not (document.parent / t).exists()] == []


def test_python_blocks_of_the_documents_compile():
    for document in DOCUMENTS:
        for block in re.findall(r"```python\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL):
            compile(block, document.name, "exec")


def test_every_import_that_the_readme_shows_works():
    lines = re.findall(r"^from dmsops\S* import .*$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert lines
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)


def test_the_errors_page_is_whole(generate):
    page = generate.errors_page()
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.DmsError)]
    assert [c.__name__ for c in classes if f"`{c.code}`" not in page or c.remedy not in page] == []


def test_the_settings_page_is_whole_and_every_setting_has_a_sentence(generate):
    page = generate.settings_page()
    fields = config.Settings.model_fields
    assert [name for name, field in fields.items() if f"`{name}`" not in page or not (field.description or "").endswith(".")] == []


def test_the_steps_page_names_every_registered_step(generate):
    page = generate.steps_page()
    registered = re.findall(r"@step\(\s*\"([^\"]+)\"", "".join(p.read_text() for p in (ROOT / "dmsops").glob("*/steps.py")))
    assert [name for name in registered if "." in name and f"`{name}`" not in page and not name.startswith("part.")] == []


def test_the_page_of_caom_rules_is_whole(generate):
    page = generate.caom_rules_page()
    rows = [line for line in page.splitlines() if line.startswith("| C")]
    assert [row[2:5] for row in rows] == [f"C{number:02d}" for number in range(1, 54)]
    assert all("(P" in row for row in rows)


def test_the_parts_page_names_every_part(generate):
    page = generate.parts_page()
    folders = [p.parent.name for p in (ROOT / "dmsops").glob("*/__init__.py") if p.parent.name != "migrations"]
    assert [name for name in folders if f"## dmsops.{name}\n" not in page] == []


def test_the_procedures_page_lists_twenty_one():
    page = (ROOT / "docs/reference/procedures.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| P(\d\d) \|", page, re.MULTILINE) == [f"{n:02d}" for n in range(1, 22)]


def test_the_example_site_shows_every_setting_and_can_be_used():
    path = ROOT / "site" / "example" / "site.toml"
    text = path.read_text(encoding="utf-8")
    settings = config.Settings(site=path.parent, **tomllib.loads(text))
    shown = set(re.findall(r"^#? ?([a-z_]+)\b", text, re.MULTILINE))
    assert set(type(settings).model_fields) - shown == {"site"}


def test_the_example_site_states_the_defaults():
    values = tomllib.loads((ROOT / "site" / "example" / "site.toml").read_text(encoding="utf-8"))
    stated, default = config.Settings(site=ROOT, **values), config.Settings(site=ROOT)
    assert {k: getattr(stated, k) for k in values if k != "name" and getattr(stated, k) != getattr(default, k)} == {}


def test_no_committed_text_names_a_place_of_one_machine():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
    texts = [
        ROOT / name
        for name in listed.stdout.splitlines()
        if name.endswith((".py", ".md", ".toml", ".yml", ".cfg", ".ipynb", "Makefile", "run"))
    ]
    pattern = re.compile(r"(?<![\w.])/(?:work|root|tmp/brief)/")
    assert [str(p.relative_to(ROOT)) for p in texts if p.exists() and pattern.search(p.read_text(encoding="utf-8"))] == []


def test_the_house_page_draws_the_floors_that_are_checked():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    checked = [set(re.findall(r"\w+", layer)) for layer in contracts[0]["layers"]]
    drawing = re.search(r"```text\n(.*?)```", (ROOT / "docs/explanation/house.md").read_text(encoding="utf-8"), re.DOTALL).group(1)
    drawn = [set(re.findall(r"\b[a-z]+\b(?!/)", line.removeprefix("doors"))) for line in drawing.splitlines()]
    assert drawn == [layer for layer in checked if layer != {"testing", "migrations", "__main__"}]
