"""An archive with a thing of every kind, everybody who may ask, an oracle of its own, and answers that are searched for what is not theirs.

Each thing has marks that stand nowhere else: its name, target, program title and PI (of its description), words in its bytes. The oracle
is written from the policy's sentences and not from the library, so that a mistake there is none here.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from dmsops.archive.ingest import ingest, product_of
from dmsops.archive.tables import observation, plane
from dmsops.core.people import Role, put_person, put_token
from dmsops.distribution import accounts, grants
from dmsops.flows.notices import gather
from dmsops.ops import Ops
from dmsops.testing.products import write_product
from dmsops.testing.sites import small_site
from tests import ending

START = datetime(2022, 12, 4, 6, 0, tzinfo=UTC)
T = START + timedelta(days=10)
"""When the things that are becoming public are."""
TICK = timedelta(microseconds=1)
FAR = START + timedelta(days=3000)
LONG_AGO = datetime(2022, 1, 1, tzinfo=UTC)
MINE, THEIRS, DARK = "01111", "02222", "03333"
"""Programs: of the PI, of another PI, and one of which nothing may be known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """When a description, and when the files, are everybody's; None is never."""

    meta: datetime | None = LONG_AGO
    data: datetime | None = LONG_AGO


KINDS = {
    "public": Kind(),
    "exclusive": Kind(data=FAR),
    "turning": Kind(data=T),
    "restricted": Kind(data=None),
    "hidden": Kind(meta=FAR, data=FAR),
    "hidden-open": Kind(meta=FAR),
    "appearing": Kind(meta=T, data=T),
    "never": Kind(meta=None, data=None),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """An observation with one file: what it is, and the marks by which it is known."""

    kind: str
    program: str
    root: str
    target: str
    bytes_mark: str = ""
    sha256: str = ""
    obsid: str = ""
    content: bytes = b""

    @property
    def file(self) -> str:
        return f"{self.root}_cal.fits"

    @property
    def uri(self) -> str:
        return f"mast:JWST/product/{self.file}"

    @property
    def plane(self) -> str:
        return f"{self.root}/level2"

    @property
    def did(self) -> str:
        return f"ivo://dmsops/archive?{self.plane}"

    @property
    def marks(self) -> tuple[str, ...]:
        """What only its description tells, beside its name."""
        digest = base64.b64encode(bytes.fromhex(self.sha256)).decode() if self.sha256 else ""
        return tuple(mark for mark in (self.target, self.sha256, digest) if mark)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks: by which token, what of it is true as the test made it, and whether its token is good."""

    name: str
    token: str = ""
    programs: frozenset[str] = frozenset()
    everything: bool = False
    harvests: bool = False
    subscribes: bool = False
    reads: bool = False
    grants: bool = False
    """Whether the token is good for letting others into the programs whose PI the account is."""
    good: bool = True
    told: frozenset[str] = frozenset()
    """Programs of which the account (not this token) is told by subscriptions."""

    @property
    def anonymous(self) -> bool:
        return not self.token

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"token {self.token}"} if self.token else {}


def passes(asker: Asker, release: datetime | None, program: str, now: datetime) -> bool:
    """Everybody's from its release on; before it the program's own people's; without a release nobody's but of those who have all."""
    if asker.everything:
        return True
    if release is None:
        return False
    return release <= now or program in asker.programs


def sees(asker: Asker, thing: Thing, now: datetime) -> bool:
    return asker.good and passes(asker, KINDS[thing.kind].meta, thing.program, now)


def has(asker: Asker, thing: Thing, now: datetime) -> bool:
    return sees(asker, thing, now) and passes(asker, KINDS[thing.kind].data, thing.program, now)


def harvester(asker: Asker) -> Asker:
    """Give who asks as the partners' feed takes them: a token of the scope harvest is for all descriptions."""
    return replace(asker, everything=asker.everything or (asker.harvests and asker.good))


def told_of(asker: Asker) -> Asker:
    """Give who asks as their subscriptions take them: these are the account's, whichever of its tokens reads them."""
    return replace(asker, programs=asker.told or asker.programs)


def seer_of(asker: Asker, path: str) -> Asker:
    """Give who asks as the service at a path takes them."""
    if path.startswith("/caom"):
        return harvester(asker)
    return told_of(asker) if path.startswith(("/api/v0.1/events?", "/api/v0.1/subscriptions")) else asker


@dataclass(kw_only=True)
class Answer:
    """All that came back: the status, and headers and body as they went over the wire."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def text(self) -> str:
        head = "\n".join(f"{name}: {value}" for name, value in self.headers if name.lower() != "date")
        body = gzip.decompress(self.body) if self.body.startswith(b"\x1f\x8b") else self.body
        return f"{head}\n\n{body.decode('latin-1')}"


@dataclass(kw_only=True, repr=False)
class World:
    """The site, what is in it, who asks, and the client."""

    ops: Ops
    things: list[Thing]
    askers: dict[str, Asker]
    client: httpx.Client
    base: str = ""
    inner: list[Thing] = field(default_factory=list)
    """A plane whose description is hidden, of an observation that is shown: it is only looked for."""

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Keep its tokens and bytes out of what hypothesis writes."""
        printer.text("World()")

    @property
    def now(self) -> datetime:
        return self.ops.clock.now()

    def thing(self, kind: str, program: str = MINE) -> Thing:
        return next(thing for thing in self.things if (thing.kind, thing.program) == (kind, program))

    def ask(self, asker: Asker, method: str, path: str, **given: Any) -> Answer:
        """Ask, and look through all that comes back; ``echo`` is what the asker named before, and is told of again."""
        headers, echo = asker.headers | dict(given.pop("headers", {})), given.pop("echo", "")
        sent = self.client.build_request(method, path, headers=headers, **given)
        said = sent.url.raw_path.decode() + sent.content.decode("latin-1") + str(headers) + echo
        got = self.client.send(sent)
        answer = Answer(status=got.status_code, headers=got.headers.multi_items(), body=got.content)
        what = f"{method} {path} as {asker.name}"
        self.search(asker, answer, said, what)
        theirs = not asker.anonymous and asker.good and answer.status < 400
        assert not theirs or "cache-control" in dict(answer.headers), f"{what}: a cache may give this to others"
        return answer

    def search(self, asker: Asker, answer: Answer, said: str, what: str) -> None:
        """Find nothing in an answer that is not the asker's: no mark of a hidden description, no byte of a file they may not have."""
        text, now = answer.text, self.now
        assert answer.status < 500, f"{what}: {answer.status} {text[:800]}"
        assert "Traceback" not in text, what
        asks = seer_of(asker, what.split()[1])
        for thing in (*self.things, *self.inner):
            if thing.bytes_mark in text:
                assert has(asker, thing, now), f"{what}: the bytes of a {thing.kind} file of {thing.program}"
            if sees(asks, thing, now):
                continue
            for mark in (*thing.marks, thing.root):
                assert mark in said or mark not in text, f"{what}: '{mark}' of what is {thing.kind} in {thing.program}"
        for program in (MINE, THEIRS, DARK):
            if not any(sees(asks, thing, now) for thing in self.things if thing.program == program):
                for mark in (title(program), pi_name(program)):
                    assert mark not in text, f"{what}: '{mark}', and nothing of {program} may be known"

    def listed(self, answer: Answer) -> set[str]:
        """Give the names of all things that stand in an answer."""
        return {thing.root for thing in self.things if thing.root in answer.text}

    def visible(self, asker: Asker) -> set[str]:
        return {thing.root for thing in self.things if sees(asker, thing, self.now)}


def title(program: str) -> str:
    return f"Title-{hashlib.sha256(program.encode()).hexdigest()[:12]}"


def pi_name(program: str) -> str:
    return f"Pi-{hashlib.sha256(program.encode()).hexdigest()[12:24]}"


def ghost_of(thing: Thing) -> Thing:
    """Give a thing that never was, with a name of the same length: what may not be known must be answered like it."""
    return replace(thing, root=thing.root[:-12] + "_99999_nrca3"[-12:], target="", sha256="", bytes_mark="", obsid="987654321")


def same(one: Answer, other: Answer, thing: Thing, ghost: Thing) -> bool:
    """Say whether two answers are the same byte for byte but for the name (and what the clock and chance put in)."""
    return _plain(one, thing) == _plain(other, ghost)


def _plain(answer: Answer, thing: Thing) -> str:
    text = answer.text
    return re.sub(r"[0-9a-f]{32}", "ID", text.replace(thing.root, "NAME"))


def make(folder: Path, database: str = "") -> tuple[Ops, list[Thing], dict[str, Asker], list[Thing]]:
    """Make the archive and everybody; the last are what is only looked for."""
    chosen = {"database": database} if database else {}
    ops = small_site(folder / "site", START, serve_per_second=0.0, **chosen)
    things = [_archived(ops, folder, kind, program, n) for program in (MINE, THEIRS) for n, kind in enumerate(KINDS, 1)]
    things += [_archived(ops, folder, kind, DARK, n) for n, kind in enumerate(("hidden", "never"), 1)]
    _dated(ops, things)
    things = [replace(thing, obsid=_obsid(ops, thing)) for thing in things]
    inner = [half(ops, folder)]
    askers = _askers(ops)
    ops.clock.advance(timedelta(days=2))  # type: ignore[attr-defined]
    gather(ops)
    return ops, things, askers, inner


def _archived(ops: Ops, folder: Path, kind: str, program: str, n: int) -> Thing:
    root = f"jw{program}001001_02101_{n:05d}_nrca3"
    mark = hashlib.sha256(f"{program} {kind}".encode()).hexdigest()
    ra = 10.0 + int(program) / 100 + n
    keywords = {
        "PROGRAM": program, "CATEGORY": "GO", "PI_NAME": pi_name(program), "TITLE": title(program), "TARGPROP": f"TGT-{mark[:10]}",
        "TARG_RA": ra, "TARG_DEC": -9.5, "CANARY": f"BYTES-{mark[10:26]}",
    }  # fmt: skip
    region = f"POLYGON ICRS  {ra + 0.01} -9.51 {ra - 0.01} -9.51 {ra - 0.01} -9.49 {ra + 0.01} -9.49"
    path = write_product(folder / f"{root}_cal.fits", value=float(n), region=region, **keywords)
    ingest(ops, [product_of(path)])
    content = path.read_bytes()
    return Thing(
        kind=kind, program=program, root=root, target=f"TGT-{mark[:10]}", bytes_mark=f"BYTES-{mark[10:26]}",
        sha256=hashlib.sha256(content).hexdigest(), content=content,
    )  # fmt: skip


HALF = f"jw{MINE}001001_02101_00050_nrca3"


def half(ops: Ops, folder: Path) -> Thing:
    """Archive an observation of which one plane is shown, and one is hidden; gives the latter."""
    mark = hashlib.sha256(b"half").hexdigest()
    keywords = {"PROGRAM": MINE, "CATEGORY": "GO", "PI_NAME": pi_name(MINE), "TITLE": title(MINE)}
    paths = [write_product(folder / f"{HALF}_uncal.fits", value=50.0, **keywords)]
    paths += [write_product(folder / f"{HALF}_cal.fits", value=51.0, CANARY=f"BYTES-{mark[10:26]}", **keywords)]
    ingest(ops, [product_of(path) for path in paths])
    with ops.db.begin() as c:
        shown, hidden = (
            sa.update(plane).where(plane.c.observation_id == HALF, plane.c.product_id == level) for level in ("level1", "level2")
        )
        c.execute(shown.values(meta_release=LONG_AGO, data_release=LONG_AGO))
        c.execute(hidden.values(meta_release=FAR, data_release=FAR))
        c.execute(sa.update(observation).where(observation.c.id == HALF).values(meta_release=LONG_AGO))
    content = paths[1].read_bytes()
    return Thing(
        kind="hidden", program=MINE, root=f"{HALF}_cal", target=f"{HALF}/level2", bytes_mark=f"BYTES-{mark[10:26]}",
        sha256=hashlib.sha256(content).hexdigest(), content=content,
    )  # fmt: skip


def _dated(ops: Ops, things: Sequence[Thing]) -> None:
    with ops.db.begin() as c:
        for thing in things:
            kind = KINDS[thing.kind]
            planes = {"meta_release": kind.meta, "data_release": kind.data}
            c.execute(sa.update(plane).where(plane.c.observation_id == thing.root).values(**planes))
            c.execute(sa.update(observation).where(observation.c.id == thing.root).values(meta_release=kind.meta))


def _obsid(ops: Ops, thing: Thing) -> str:
    with ops.db.connect() as c:
        return str(c.exec_driver_sql(f"SELECT min(id) FROM archived_product WHERE observation_id = '{thing.root}'").scalar_one())


def _askers(ops: Ops) -> dict[str, Asker]:
    for name in ("pi", "other", "guest", "gone"):
        accounts.put(ops, name, "astronomer", reason="test", email=f"{name}@example.org")
    for name, files in (("partner", "public"), ("full", "all")):
        accounts.put(ops, name, "partner", files=files, reason="test")
    grants.grant(ops, "pi", MINE, kind="pi", reason="test")
    grants.grant(ops, "other", THEIRS, kind="pi", reason="test")
    grants.grant(ops, "guest", MINE, until=ops.clock.now() + timedelta(hours=1), reason="test")
    grants.grant(ops, "gone", MINE, kind="pi", reason="test")
    both, mine = ("read", "subscribe"), frozenset({MINE})
    known = {"reads": True, "subscribes": True}
    found = [
        Asker(name="anonymous"),
        Asker(name="pi", token=_token(ops, "pi", both), programs=mine, told=mine, **known),
        Asker(name="other", token=_token(ops, "other", both), programs=frozenset({THEIRS}), told=frozenset({THEIRS}), **known),
        Asker(name="guest whose grant ended", token=_token(ops, "guest", both), **known),
        Asker(name="pi without scope read", token=_token(ops, "pi", ("subscribe",)), subscribes=True, told=mine),
        Asker(name="pi with scope grant alone", token=_token(ops, "pi", ("grant",)), grants=True, told=mine),
        Asker(name="other with scope grant alone", token=_token(ops, "other", ("grant",)), grants=True, told=frozenset({THEIRS})),
        Asker(name="partner", token=_token(ops, "partner", (*both, "harvest")), harvests=True, **known),
        Asker(name="partner without scope harvest", token=_token(ops, "partner", both), **known),
        Asker(name="full partner", token=_token(ops, "full", (*both, "harvest")), everything=True, harvests=True, **known),
        Asker(name="full partner without scope read", token=_token(ops, "full", ("harvest",)), harvests=True),
        Asker(name="viewer", token=_person(ops, "viewer", Role.VIEWER), **known),
        Asker(name="operator", token=_person(ops, "operator", Role.OPERATOR), everything=True, harvests=True, **known),
        Asker(name="expired", token=_token(ops, "pi", both, days=1), good=False),
        Asker(name="revoked", token=_revoked(ops), good=False),
        Asker(name="mistyped", token="mast_nobody", good=False),
    ]
    return {asker.name: asker for asker in found}


def _token(ops: Ops, name: str, scopes: Sequence[str], **more: Any) -> str:
    return accounts.give_token(ops, name, scopes=scopes, reason="test", **more)


def _revoked(ops: Ops) -> str:
    token = _token(ops, "gone", ("read", "subscribe", "harvest"))
    ending.revoke(ops, "gone", reason="test")
    return token


def _person(ops: Ops, name: str, role: Role) -> str:
    with ops.db.begin() as c:
        put_person(c, name, role)
        return put_token(c, name)


@contextmanager
def at(world: World, when: datetime) -> Iterator[None]:
    """Let it be a time for a while."""
    before = world.now
    world.ops.clock.advance(when - before)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        world.ops.clock.advance(before - when)  # type: ignore[attr-defined]


def only(things: Sequence[Thing], program: str) -> list[Thing]:
    return [thing for thing in things if thing.program == program]
