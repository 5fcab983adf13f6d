"""A CRDS context of our own: mapping files and server settings that the CRDS client uses without any server.

Formats: CRDS mappings (Python literals with a SHA-1 of their own text, written by the ``crds`` package itself) and the
client's cached ``server_config``. A client whose server address holds the word *serverless* asks nobody.
"""

from __future__ import annotations

import pprint
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OBSERVATORY = "jwst"
INSTRUMENT = "nircam"
CONTEXT = "jwst_0001.pmap"
OTHERS = ("niriss", "miri", "nirspec", "fgs")
"""Instruments that the context knows and has no references for: a pipeline says so by its type, and takes files given by hand."""
USE_AFTER = "2014-01-01 00:00:00"
ANY = "N/A"

DETECTOR = "META.INSTRUMENT.DETECTOR"
SUBARRAY = "META.SUBARRAY.NAME"
EXP_TYPE = "META.EXPOSURE.TYPE"
VISIT_TYPE = "META.VISIT.TYPE"

REFERENCE_TYPES = tuple(Path(__file__).with_name("reference_types.txt").read_text(encoding="utf-8").split())
"""Every reference type that a step of jwst 3.0 may ask for; a test holds the list to the installed jwst.

A type that a context does not know is an error in CRDS, so those that we do not make are declared "not applicable".
"""

KEYS: dict[str, tuple[str, ...]] = {  # what a file is chosen by; detector and subarray unless named here
    "abvegaoffset": (),
    "apcorr": (EXP_TYPE,),
    "distortion": (DETECTOR,),
    "photom": (DETECTOR,),
    "pars-image2pipeline": (EXP_TYPE, VISIT_TYPE),
    "pars-darkpipeline": (DETECTOR,),
}
DEFAULT_KEYS = (DETECTOR, SUBARRAY)


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """One reference file and the header values that it is for (in the order of `KEYS`)."""

    kind: str
    match: tuple[str, ...]
    name: str


def write_context(cache: Path, references: tuple[Reference, ...]) -> None:
    """Write the mappings (pmap, imap, one rmap per kind) and the client's settings into a cache folder."""
    maps = cache / "mappings" / OBSERVATORY
    maps.mkdir(parents=True, exist_ok=True)
    kinds = sorted({r.kind for r in references})
    for kind in kinds:
        _write_rmap(maps, kind, tuple(sorted(r for r in references if r.kind == kind)))
    chosen = {kind.upper(): _rmap_name(kind) if kind in kinds else ANY for kind in REFERENCE_TYPES}
    none = dict.fromkeys(chosen, ANY)
    head = {"derived_from": "generated", "observatory": "JWST", "sha1sum": ""}
    for instrument in (INSTRUMENT, *OTHERS):
        name = _imap_name(instrument)
        imap = {**head, "instrument": instrument.upper(), "mapping": "INSTRUMENT", "name": name, "parkey": ("REFTYPE",)}
        _write(maps / name, imap, pprint.pformat(chosen if instrument == INSTRUMENT else none))
    pmap = {**head, "mapping": "PIPELINE", "name": CONTEXT, "parkey": ("META.INSTRUMENT.NAME",)}
    _write(maps / CONTEXT, pmap, pprint.pformat({i.upper(): _imap_name(i) for i in (INSTRUMENT, *OTHERS)}))
    _write_client_settings(cache)


def _imap_name(instrument: str) -> str:
    return f"jwst_{instrument}_0001.imap"


def _rmap_name(kind: str) -> str:
    return f"jwst_nircam_{kind}_0001.rmap"


def _write_rmap(maps: Path, kind: str, references: tuple[Reference, ...]) -> None:
    name = _rmap_name(kind)
    lines = "".join(f"    {r.match!r} : UseAfter({{\n        {USE_AFTER!r} : {r.name!r},\n    }}),\n" for r in references)
    optional = kind.startswith("pars-")  # or each exposure without special parameters would log an error
    head = {
        "classes": ("Match", "UseAfter"),
        "derived_from": "generated",
        "file_ext": Path(references[0].name).suffix,
        "filekind": kind.upper(),
        "filetype": kind.upper(),
        "instrument": "NIRCAM",
        "mapping": "REFERENCE",
        "name": name,
        "observatory": "JWST",
        "parkey": (KEYS.get(kind, DEFAULT_KEYS), ("META.OBSERVATION.DATE", "META.OBSERVATION.TIME")),
        "reffile_required": "NO" if optional else "YES",
        "sha1sum": "",
        "suffix": kind,
        "text_descr": kind,
    }
    _write(maps / name, head, f"Match({{\n{lines}}})")


def _write(path: Path, header: Mapping[str, Any], selector: str) -> None:
    from crds.core import rmap

    text = f"header = {pprint.pformat(dict(header))}\n\nselector = {selector}\n"
    rmap.Mapping.from_string(text, path.name, ignore_checksum=True).write(str(path))  # fills in the SHA-1


def _write_client_settings(cache: Path) -> None:
    folder = cache / "config" / OBSERVATORY
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "bad_files": "",
        "bad_files_list": [],
        "connected": False,
        "edit_context": CONTEXT,
        "force_remote_mode": False,
        "last_synced": "2022-01-01 00:00:00",
        "latest_context": CONTEXT,
        "mappings": [CONTEXT],
        "observatory": OBSERVATORY,
        "operational_context": CONTEXT,
        "status": "cache",
        "versions_context": CONTEXT,
    }
    (folder / "server_config").write_text(pprint.pformat(settings) + "\n", encoding="utf-8")
    (cache / "config" / OBSERVATORY / "ref_cache_subdir_mode").write_text("instrument\n", encoding="utf-8")
