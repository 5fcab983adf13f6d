"""Who may do what: people of the site, their role, their password (scrypt) and token (sha256), checked here and nowhere else."""

from __future__ import annotations

import base64
import enum
import getpass
import hashlib
import hmac
import secrets
from dataclasses import dataclass

import sqlalchemy as sa

from dmsops.core.db import metadata, reading
from dmsops.core.errors import BadInput, NotAllowed, NotFound, NotSignedIn

people = sa.Table(
    "people",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("password", sa.String(255)),
    sa.Column("token", sa.String(64), index=True, unique=True, doc="sha256 of the token that scripts and shared accounts act with."),
)


class Role(enum.IntEnum):
    """What a person may do; each role may do what those before it may."""

    VIEWER = 1
    """Looks, never changes."""
    OPERATOR = 2
    """Runs the shift: receives, holds, releases, rescues, delivers."""
    LEAD = 3
    """Leads the shift: also stops, drops, accepts as done, adds people."""

    @classmethod
    def named(cls, text: str) -> Role:
        """Find a role by its word."""
        try:
            return cls[text.upper()]
        except KeyError:
            raise BadInput(f"'{text}' is not a role; roles are viewer, operator, lead", field="role") from None

    @property
    def word(self) -> str:
        """The role as people write it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Person:
    """Someone of the site."""

    name: str
    role: Role


def require(person: Person, least: Role, verb: str) -> None:
    """Let pass only who may do the verb.

    Raises
    ------
    NotAllowed
        The person's role is lower than ``least``.
    """
    if person.role < least:
        raise NotAllowed(
            f"'{verb}' needs the role {least.word}; {person.name} is {person.role.word}",
            verb=verb,
            needed=least.word,
            actor=person.name,
        )


def hash_password(password: str) -> str:
    """Hash a password with scrypt and a fresh salt."""
    salt = secrets.token_bytes(16)
    digest = hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)
    return f"scrypt$16384$8$1${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def check_password(password: str, stored: str | None) -> bool:
    """Compare a password with a stored hash, in constant time; an absent hash never matches."""
    if not stored:
        return False
    _, n, r, p, salt, digest = stored.split("$")
    seen = hashlib.scrypt(password.encode(), salt=base64.b64decode(salt), n=int(n), r=int(r), p=int(p))
    return hmac.compare_digest(seen, base64.b64decode(digest))


def put_person(connection: sa.Connection, name: str, role: Role, password: str | None = None) -> None:
    """Add a person, or change their role and (if given) password."""
    if not name or not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise BadInput(f"'{name}' is not a usable name: letters, digits, '.', '-', '_'", field="name")
    secret = {"password": hash_password(password)} if password else {}
    changed = connection.execute(sa.update(people).where(people.c.name == name).values(role=role.word, **secret))
    if not changed.rowcount:
        connection.execute(sa.insert(people).values(name=name, role=role.word, **secret))


def put_token(connection: sa.Connection, name: str, *, withdraw: bool = False) -> str:
    """Give a person a fresh token, or (``withdraw``) none; what they had before is void.

    Returns
    -------
    str
        The token, which is kept nowhere: only its sha256 is. Empty when it was withdrawn.

    Raises
    ------
    NotFound
        Nobody of the site has that name.
    """
    token = "" if withdraw else f"dmsops_{secrets.token_urlsafe(32)}"
    values = {"token": token_digest(token) if token else None}
    if not connection.execute(sa.update(people).where(people.c.name == name).values(values)).rowcount:
        raise NotFound(f"'{name}' is not known on this site", remedy="`dmsops people list` names who is (procedure P01).", name=name)
    return token


def token_digest(token: str) -> str:
    """Give what is kept of a token; it is 256 random bits, so a fast hash keeps it as well as a slow one."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def by_token(engine: sa.Engine, token: str) -> Person:
    """Find the person that a token belongs to.

    Raises
    ------
    NotSignedIn
        It belongs to nobody: it was withdrawn, replaced, or is not a token of this site.
    """
    with reading(engine) as c:
        row = c.execute(sa.select(people).where(people.c.token == token_digest(token))).one_or_none()
    if row is None:
        raise NotSignedIn(
            "the token that was given belongs to nobody on this site: it is mistyped, withdrawn or replaced",
            remedy="Ask for a fresh one (dmsops people token NAME), or unset DMSOPS_TOKEN to act as the system's user (procedure P01).",
        )
    return Person(row.name, Role.named(row.role))


def find(engine: sa.Engine, name: str) -> Person:
    """Find a person of the site.

    Raises
    ------
    NotSignedIn
        The site does not know that name.
    """
    with reading(engine) as c:
        row = c.execute(sa.select(people).where(people.c.name == name)).one_or_none()
    if row is None:
        raise NotSignedIn(f"'{name}' is not known on this site", actor=name)
    return Person(row.name, Role.named(row.role))


def sign_in(engine: sa.Engine, name: str, password: str) -> Person:
    """Check a name and password.

    Raises
    ------
    NotSignedIn
        Unknown name or wrong password; which of the two is not said.
    """
    with reading(engine) as c:
        row = c.execute(sa.select(people).where(people.c.name == name)).one_or_none()
    stored = row.password if row is not None else hash_password(secrets.token_hex(8))
    if row is None or not check_password(password, stored):
        raise NotSignedIn("name or password is wrong", actor=name)
    return Person(row.name, Role.named(row.role))


def system_user() -> str:
    """Give the name of the operating-system user."""
    return getpass.getuser()
