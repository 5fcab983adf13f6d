"""Are the calibration references of an exposure there and whole: asked before the pipeline, which names no file when one is not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmsops.core.errors import StepFailed
from dmsops.processing.wholeness import is_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

REMEDY = "Restore the reference file or the context with procedure P20, then rescue with P08."


def require_references(product: Path, pipeline: Any) -> dict[str, str]:
    """Make sure that every best reference of a product is in the CRDS cache, whole.

    Parameters
    ----------
    product : Path
        An uncal or rate file: its header decides.
    pipeline : type
        The jwst pipeline class that will run; it says which types of reference it takes.

    Returns
    -------
    dict
        Reference type to file name, for those that apply.

    Raises
    ------
    StepFailed
        A reference or the context is missing or damaged; the message names the file. Fact ``failure`` is ``config``.
    """
    from stdatamodels.jwst import datamodels

    with datamodels.open(product) as model:
        parameters = model.get_crds_parameters()
    found = best_references(parameters, pipeline().reference_file_types, product.name)
    check_files(located(found), product.name)
    return found


def best_references(parameters: Mapping[str, Any], types: Iterable[str], product: str) -> dict[str, str]:
    """Ask CRDS which references are best; those that do not apply are left out.

    Raises
    ------
    StepFailed
        The rules are not there, or have no reference for this exposure.
    """
    import crds
    from crds.core.exceptions import CrdsError

    try:
        answer = crds.getrecommendations(dict(parameters), reftypes=sorted(set(types)), observatory="jwst")
    except (CrdsError, OSError) as error:
        raise _failed(f"{product}: the CRDS rules cannot be used: {error}", product=product) from error
    for kind, name in sorted(answer.items()):
        if name.startswith("NOT FOUND") and "n/a" not in name.lower():
            reason = name.removeprefix("NOT FOUND").strip()
            raise _failed(f"{product}: CRDS has no {kind} reference for this exposure: {reason}", product=product, reference=kind)
    return {kind: name for kind, name in answer.items() if not name.startswith("NOT FOUND")}


def located(references: Mapping[str, str]) -> dict[str, Path]:
    """Say where the cache keeps each reference."""
    from crds.core import config

    return {kind: Path(config.locate_file(name, "jwst")) for kind, name in references.items()}


def check_files(files: Mapping[str, Path], product: str) -> None:
    """Look whether reference files are there and as long as they say.

    Raises
    ------
    StepFailed
        One is not; the message names it.
    """
    for kind, path in sorted(files.items()):
        if not path.is_file():
            raise _failed(f"reference file {path.name} is missing from the CRDS cache", product=product, reference=path.name, type=kind)
        if not is_whole(path):
            size = path.stat().st_size
            message = f"reference file {path.name} in the CRDS cache is damaged: its {size} bytes are not what its header says"
            raise _failed(message, product=product, reference=path.name, type=kind)


def _failed(message: str, **facts: Any) -> StepFailed:
    return StepFailed(message, remedy=REMEDY, failure="config", **facts)
