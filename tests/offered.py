"""A small archive with files for everybody, files of a program's own, and files for nobody; and those who ask for them."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dmsops.archive.ingest import ingest, product_of
from dmsops.archive.tables import observation, plane
from dmsops.core.clock import SimulatedClock
from dmsops.core.people import Person, Role, put_person, put_token
from dmsops.distribution import accounts, grants
from dmsops.distribution.access import ANONYMOUS, Scope
from dmsops.distribution.audit import Recorder
from dmsops.distribution.limits import Limits
from dmsops.ops import Ops, connect
from dmsops.services.web import Call, Service
from dmsops.testing.products import write_product
from dmsops.testing.sites import small_site

START = datetime(2022, 12, 4, 6, 0, tzinfo=UTC)
"""When everything is archived; the site's clock must stand there."""
OPEN = tuple(f"jw02726402001_03104_0000{n}_nrca3" for n in range(1, 6))
EXCLUSIVE, RESTRICTED, HIDDEN = "jw01234001001_02101_00001_nrca3", "jw01234001001_02101_00002_nrca3", "jw01234001001_02101_00003_nrca3"
PROGRAM = "01234"
SUFFIXES = ("uncal", "rate", "cal")
YEAR = timedelta(days=365)


NOW = START + timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Who asks: the PI of `PROGRAM`, somebody else's PI, a partner with public files only and one with all, an operator."""

    pi: str
    other: str
    partner: str
    full: str
    staff: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A site that is open, the bytes of its files by name, and who asks."""

    ops: Ops
    files: dict[str, bytes]
    tokens: Tokens


@cache
def _template() -> tuple[Path, dict[str, bytes], Tokens]:
    folder = Path(tempfile.mkdtemp(prefix="dmsops-offered-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    ops = small_site(folder / "site", START)
    files, tokens = offer(ops, folder / "products"), let_in(ops)
    ops.db.dispose()
    return folder / "site", files, tokens


def offered_site(folder: Path, **settings: Any) -> Offered:
    """Give such a site in that folder: made once per process, copied for each."""
    made, files, tokens = _template()
    shutil.copytree(made, folder)
    ops = connect(folder, operator=Person("tester", Role.LEAD), clock=SimulatedClock(NOW), **({"serve_per_second": 0} | settings))
    return Offered(ops=ops, files=files, tokens=tokens)


def offer(ops: Ops, folder: Path) -> dict[str, bytes]:
    """Archive everything; gives the bytes of each file by its name. Then an hour passes."""
    written: dict[str, bytes] = {}
    for number, root in enumerate(OPEN):
        ra = 80.0 + 0.1 * number
        region = f"POLYGON ICRS  {ra + 0.01} -69.51 {ra - 0.01} -69.51 {ra - 0.01} -69.49 {ra + 0.01} -69.49"
        written |= _taken(ops, folder, root, region=region, TARG_RA=ra, TARGPROP=f"STAR-{number}", value=float(number))
    for number, root in enumerate((EXCLUSIVE, RESTRICTED, HIDDEN)):
        mine = {"PROGRAM": PROGRAM, "CATEGORY": "GO", "PI_NAME": "A. Person", "TITLE": "Deep field", "TARGPROP": "M-31"}
        written |= _taken(ops, folder, root, value=float(10 + number), **mine)
    with ops.db.begin() as c:
        c.execute(sa.update(plane).where(plane.c.observation_id == RESTRICTED).values(data_release=None))
        late = {"meta_release": START + YEAR}
        c.execute(sa.update(plane).where(plane.c.observation_id == HIDDEN).values(**late))
        c.execute(sa.update(observation).where(observation.c.id == HIDDEN).values(**late))
    ops.clock.advance(timedelta(hours=1))  # type: ignore[attr-defined]
    return written


def _taken(ops: Ops, folder: Path, root: str, *, value: float, region: str | None = None, **keywords: object) -> dict[str, bytes]:
    drawn = {"region": region} if region else {}
    paths = [write_product(folder / f"{root}_{s}.fits", value=value + n / 10, **drawn, **keywords) for n, s in enumerate(SUFFIXES)]
    ingest(ops, [product_of(path) for path in paths])
    return {path.name: path.read_bytes() for path in paths}


def let_in(ops: Ops) -> Tokens:
    """Make the accounts and give their tokens."""
    for name in ("pi", "other"):
        accounts.put(ops, name, "astronomer", display_name=name.upper(), reason="test")
    for name, files in (("partner", "public"), ("full", "all")):
        accounts.put(ops, name, "partner", files=files, reason="test")
    grants.grant(ops, "pi", PROGRAM, kind="pi", reason="test")
    grants.grant(ops, "other", "09999", kind="pi", reason="test")
    scopes = (Scope.READ, Scope.SUBSCRIBE)
    given = {name: accounts.give_token(ops, name, scopes=scopes, reason="test") for name in ("pi", "other", "partner", "full")}
    return Tokens(**given, staff=staff_token(ops))


def staff_token(ops: Ops) -> str:
    """Make an operator of the site and give the token they have."""
    with ops.db.begin() as c:
        put_person(c, "operator", Role.OPERATOR)
        return put_token(c, "operator")


def uri(root: str, suffix: str = "cal") -> str:
    """Give the URI of a file."""
    return f"mast:JWST/product/{root}_{suffix}.fits"


@contextmanager
def moved(ops: Ops, by: timedelta) -> Iterator[None]:
    """Move the site's clock for a while."""
    ops.clock.advance(by)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        ops.clock.advance(-by)  # type: ignore[attr-defined]


def call_of(offered: Offered, recorder: Recorder | None = None, **given: Any) -> Call:
    """Make a request as a service's function gets it, without HTTP; nobody known asks, unless ``requester`` says who."""
    service = Service(ops=offered.ops, recorder=recorder or Recorder(offered.ops), limits=Limits(0, 1), base="http://archive.test")
    usual: dict[str, Any] = {
        "method": "GET", "url": "http://archive.test/", "base": service.base, "path": {}, "fields": (), "body": b"", "headers": {},
        "requester": ANONYMOUS, "address": "127.0.0.1", "now": offered.ops.clock.now(),
    }  # fmt: skip
    return Call(service=service, **(usual | given))
