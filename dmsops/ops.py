"""The site in the hand: everything a verb needs, wired once and visibly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dmsops.core import config, db, journal
from dmsops.core.clock import Clock, SimulatedClock, SystemClock
from dmsops.core.errors import BadSetting, NotSignedIn, Refused
from dmsops.core.people import Person, Role, by_token, find, put_person, system_user
from dmsops.storage import open_store
from dmsops.storage.base import Store
from dmsops.workflow.steps import use_modules


@dataclass(frozen=True, slots=True, kw_only=True)
class Ops:
    """One site, opened by one person; the first argument of every verb."""

    settings: config.Settings
    clock: Clock
    db: sa.Engine
    store: Store
    log: Any
    operator: Person

    def as_person(self, person: Person) -> Ops:
        """Give the same site in another person's hand (a board serves several)."""
        return replace(self, operator=person)


def connect(
    site: str | Path | None = None,
    *,
    operator: Person | None = None,
    clock: Clock | None = None,
    quiet: bool = True,
    **overrides: Any,
) -> Ops:
    """Open a site.

    Parameters
    ----------
    site : path, optional
        The site's folder; default ``DMSOPS_SITE``, else ``~/dmsops-site``.
    operator : Person, optional
        Who is acting; default whom the token belongs to (``DMSOPS_TOKEN``, setting ``token_file``), and without one the
        operating-system user, who must be one of the site's people.
    clock : Clock, optional
        Default the machine's.
    **overrides
        Settings that win over ``site.toml``.

    Raises
    ------
    NotFound
        No site there, or its database is empty.
    BadSetting
        A setting cannot be used, or the database has another schema.
    NotSignedIn
        The acting person is not known on the site.
    """
    settings = config.load(config.site_folder(site), **overrides)
    engine = db.open_engine(settings.database_url)
    db.check_revision(engine)
    use_modules(settings.step_modules)
    return Ops(
        settings=settings,
        clock=clock or _clock(settings),
        db=engine,
        store=open_store(settings.store, settings),
        log=journal.logger(settings.folder("logs"), quiet=quiet),
        operator=operator or _acting(settings, engine),
    )


def _acting(settings: config.Settings, engine: sa.Engine) -> Person:
    token = config.token(settings)
    return by_token(engine, token) if token else find(engine, system_user())


def _clock(settings: config.Settings) -> Clock:
    if settings.stand_at is None:
        return SystemClock()
    if settings.mode != "rehearsal":
        raise BadSetting("site.toml: field 'stand_at': only the clock of a rehearsal site may stand still", field="stand_at")
    at = settings.stand_at
    return SimulatedClock(at.replace(tzinfo=UTC) if at.tzinfo is None else at)


def create_site(site: str | Path, *, lead: str | None = None, **settings: Any) -> Path:
    """Make a site: folders, settings file, database; the given person (default: the OS user) becomes its lead.

    A site that is there already is brought up to date and otherwise left alone.

    Raises
    ------
    Refused
        The folder holds something that is not a site.
    """
    folder = config.site_folder(site)
    marker = folder / config.SITE_FILE
    if folder.is_dir() and not marker.exists() and any(p.name != "logs" for p in folder.iterdir() if p.name not in config.FOLDERS):
        raise Refused(f"{folder} holds other files and is not a site", remedy="Choose an empty folder.", site=str(folder))
    for name in config.FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    if not marker.exists():
        lines = ["# Settings of this site; every field is explained in docs/reference/settings."]
        lines += [f"{key} = {_toml(value)}" for key, value in settings.items()]
        partial = marker.with_suffix(".part")
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
        partial.replace(marker)
    loaded = config.load(folder)
    db.upgrade(loaded.database_url)
    engine = db.open_engine(loaded.database_url)
    name = lead or system_user()
    try:
        find(engine, name)
    except NotSignedIn:
        with engine.begin() as c:
            put_person(c, name, Role.LEAD)
            journal.write(c, SystemClock(), "person.added", name, actor=name, reason="site made", role="lead")
    engine.dispose()
    return folder


def _toml(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
