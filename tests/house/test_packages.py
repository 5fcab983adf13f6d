"""Three lists of packages say the same, and none of them names a place."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ONLY_CONDA = {"python", "pip", "python-htcondor"}
"""conda-forge has HTCondor's daemons and its client apart; PyPI has the client alone, as htcondor."""
WITH_JWST = {"asdf", "gwcs", "stcal", "stdatamodels", "stpipe"}
"""Come with the pipeline, in the versions that its exact release asks for."""


def project(root):
    table = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = table["optional-dependencies"].values()
    return [Requirement(line) for line in (*table["dependencies"], *(item for extra in extras for item in extra))]


def as_pairs(requirements):
    return {(canonicalize_name(r.name), str(r.specifier)) for r in requirements}


def test_the_conda_environment_holds_the_same_packages_as_the_project(root):
    environment = yaml.safe_load((root / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    conda = [Requirement(item) for item in environment if isinstance(item, str)]
    pip = [Requirement(item) for part in environment if isinstance(part, dict) for item in part["pip"] if not item.startswith("-")]
    assert as_pairs([r for r in conda if r.name not in ONLY_CONDA] + pip) == as_pairs(project(root))


def test_the_conda_environment_installs_the_library_itself(root):
    assert "--editable ." in (root / "environment.yml").read_text(encoding="utf-8")


def test_the_pinned_packages_satisfy_the_project(root):
    pins = {}
    for line in (root / "requirements.txt").read_text(encoding="utf-8").splitlines():
        pin = Requirement(line)
        (only,) = pin.specifier
        assert only.operator == "=="
        pins.setdefault(canonicalize_name(pin.name), []).append(only.version)
    wanting = [str(r) for r in project(root) if not any(r.specifier.contains(v) for v in pins.get(canonicalize_name(r.name), []))]
    assert wanting == []


def test_no_list_of_packages_names_an_address(root):
    for name in ("requirements.txt", "environment.yml", "pyproject.toml", "Makefile", ".pre-commit-config.yaml"):
        text = (root / name).read_text(encoding="utf-8")
        assert re.findall(r"https?://|--(?:extra-)?index-url|--find-links| @ ", text) == [], name


def test_every_library_that_the_code_imports_is_declared(root, library):
    table = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = table["optional-dependencies"]
    lines = table["dependencies"] + extras["htcondor"] + extras["s3"]  # an engine and a store that a site may do without
    declared = {canonicalize_name(Requirement(line).name) for line in lines} | WITH_JWST
    owners = packages_distributions()
    missing = set()
    # The public contract tests run under the pytest of whoever subclasses them.
    for module in (m for m in library if not m.name.startswith("dmsops/testing/")):
        for node in ast.walk(module.tree):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
            tops = {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - {"dmsops"}
            missing |= {f"{module.name}: {top}" for top in tops if not {canonicalize_name(d) for d in owners.get(top, [top])} & declared}
    assert missing == set()
