"""Every part has the same shape, and its front door is the truth."""

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import tomllib

import pytest

import dmsops

PARTS = [m.name for m in pkgutil.iter_modules(dmsops.__path__) if m.ispkg]
HEAVY = ("jwst", "astropy", "poppy", "caom2", "papermill", "pysiaf", "crds", "stdatamodels", "scipy", "ccsds_ndm", "panel", "matplotlib")


@pytest.mark.parametrize("name", [p for p in PARTS if p not in {"migrations", "testing"}])
def test_a_part_says_what_comes_in_and_what_goes_out(name):
    charter = (importlib.import_module(f"dmsops.{name}").__doc__ or "").lower()
    assert re.search(r"\bin:", charter)
    assert re.search(r"\bout:", charter)


@pytest.mark.parametrize("name", ["", *PARTS])
def test_all_lists_what_the_front_door_offers(name):
    part = importlib.import_module(f"dmsops.{name}" if name else "dmsops")
    listed = getattr(part, "__all__", [])
    own = [(key, item) for key, item in vars(part).items() if getattr(item, "__module__", "").startswith(part.__name__ + ".")]
    offered = {key for key, item in own if not key.startswith("_") and (inspect.isfunction(item) or inspect.isclass(item))}
    assert [key for key in listed if not hasattr(part, key)] == []
    assert len(set(listed)) == len(listed)
    assert offered <= set(listed)


def test_the_library_has_three_names():
    assert sorted(dmsops.__all__) == ["DmsError", "Ops", "connect"]


def test_the_version_is_the_project_s(root):
    table = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    assert dmsops.__version__ == table["project"]["version"]


def test_the_command_line_starts_without_a_heavy_library():
    code = f"import sys, dmsops.cli; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_importing_a_part_draws_in_no_heavy_library():
    names = [f"dmsops.{p}" for p in PARTS if p != "testing"]
    code = f"import sys, importlib; [importlib.import_module(n) for n in {names!r}]; print(*[n for n in {HEAVY!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
