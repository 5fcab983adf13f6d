"""``dmsops accounts``: astronomers and partners, their tokens, and whose a program's exclusive data are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from dmsops.cli.archive_acts import how
from dmsops.cli.frame import Answer, change_options, table, verb
from dmsops.core.clock import time_of
from dmsops.core.counting import counted, fitting
from dmsops.distribution import accounts as library
from dmsops.distribution import endings, grants
from dmsops.distribution.access import Scope
from dmsops.distribution.endings import Act, Ending
from dmsops.ops import Ops

REASON = click.option("--reason", default="", metavar="TEXT", help="Why; goes into the journal.")
ACCOUNT = {"name": "Account", "kind": "Kind", "display_name": "Person", "email": "E-mail", "files": "Files", "closed_at": "Closed"}
GRANT = {"id": "No", "account": "Account", "program": "Program", "kind": "Kind", "granted_by": "By", "granted_at": "At", "until": "Until",
         "revoked_at": "Ended", "reason": "Reason"}  # fmt: skip
ENDS = {"id": "No", "program": "Program", "kind": "Kind", "granted_by": "By", "until": "Until", "reason": "Reason"}
TOKEN = {"id": "No", "label": "For", "scopes": "Scopes", "made_at": "Made", "expires_at": "Until"}


@click.group()
def commands() -> None:
    """Accounts of astronomers and partners: tokens, and whose a program's exclusive data are."""


def listed(ops: Ops) -> Answer:
    """List the accounts."""
    rows = library.accounts(ops)
    return Answer(rows, [table(rows, ACCOUNT) if rows else "There is no account. Make one: dmsops accounts put NAME astronomer"])


@click.argument("name")
@click.argument("kind", type=click.Choice(["astronomer", "partner"]))
@click.option("--person", "display_name", default="", help="Whose it is.")
@click.option("--email", default="", help="Where notices go.")
@click.option("--files", type=click.Choice(library.FILES), default="public", show_default=True, help="A partner's policy of files.")
@REASON
def put(ops: Ops, name: str, kind: str, display_name: str, email: str, files: str, reason: str) -> Answer:
    """Make an account, or change it. A lead decides."""
    library.put(ops, name, kind, display_name=display_name, email=email, files=files, reason=reason)
    return Answer({"account": name}, [f"account {name} is there; give it a token: dmsops accounts token {name}"])


@click.argument("name")
@change_options
def close(ops: Ops, name: str, ticket: str | None, reason: str, *, yes: bool) -> Answer:
    """Close an account: its tokens and access end at once. A lead decides.

    Without --apply and --yes it only shows what would end, and the hash for it.
    """
    return _ends(ops, Act.CLOSE, name, ticket, reason, yes=yes)


def _ends(ops: Ops, act: Act, subject: str | int, ticket: str | None, reason: str, *, yes: bool) -> Answer:
    seen = endings.preview(ops, act, subject)
    if ticket is None and not yes:
        return Answer({"plan": seen, "applied": False}, _shown(seen))
    done = endings.end(ops, act, subject, ticket=ticket or seen.hash, reason=reason)
    return Answer({"plan": done, "applied": True}, [_DONE[act](done)])


_DONE: dict[Act, Callable[[Ending], str]] = {
    Act.CLOSE: lambda done: f"account {done.account} is closed",
    Act.REVOKE: lambda done: f"{counted(len(done.tokens), 'token')} of {done.account} {fitting(len(done.tokens), 'is', 'are')} void",
    Act.END_GRANT: lambda done: f"grant {done.grants[0]['id']} of {done.account} has ended",
}


def _shown(seen: Ending) -> list[Any]:
    """Show what would end, each thing in its own table, and how to do it."""
    if seen.empty:
        return [f"No token of account {seen.account} is good: there is nothing to make void."]
    lines: list[Any] = [f"Of account {seen.account} would end, at once:"]
    for words, rows, columns in (("Tokens", seen.tokens, TOKEN), ("Grants", seen.grants, ENDS)):
        lines += [f"{words} ({len(rows)}):", table(rows, columns)] if rows else []
    if seen.act is Act.CLOSE:
        lines.append(f"the account itself; subscriptions that are not told any more: {seen.subscriptions}")
    if seen.others:
        lines.append(f"It may read that program still, by grant {', '.join(map(str, seen.others))}.")
    return [*lines, *how(seen.hash, "a lead")]


@click.argument("name")
@click.option("--scope", "scopes", type=click.Choice([s.value for s in Scope]), multiple=True, default=("read", "subscribe"))
@click.option("--days", type=int, default=library.DAYS, show_default=True, help="How long it is good.")
@click.option("--label", default="", help="What it is for.")
@REASON
def token(ops: Ops, name: str, scopes: tuple[str, ...], days: int, label: str, reason: str) -> Answer:
    """Give an account a fresh token, shown this once. A lead decides."""
    given = library.give_token(ops, name, scopes=scopes, days=days, label=label, reason=reason)
    return Answer({"account": name, "token": given}, [given, f"(good for {counted(days, 'day')}: {', '.join(scopes)}; it is kept nowhere)"])


@click.argument("name", default="")
def tokens(ops: Ops, name: str) -> Answer:
    """List tokens by what they are for; never the tokens themselves."""
    rows = library.tokens(ops, name)
    return Answer(rows, [table(rows, {"account": "Account", **TOKEN, "revoked_at": "Void"}) if rows else "There is no token."])


@click.argument("name")
@change_options
def revoke(ops: Ops, name: str, ticket: str | None, reason: str, *, yes: bool) -> Answer:
    """Make all tokens of an account void. A lead decides.

    Without --apply and --yes it only shows what would end, and the hash for it.
    """
    return _ends(ops, Act.REVOKE, name, ticket, reason, yes=yes)


@click.argument("name")
@click.argument("program")
@click.option("--pi", "as_pi", is_flag=True, help="As the program's principal investigator, who may let others in.")
@click.option("--until", default="", metavar="TIME", help="Ends by itself, as 2023-12-04T00:00:00Z.")
@REASON
def grant(ops: Ops, name: str, program: str, until: str, reason: str, *, as_pi: bool) -> Answer:
    """Let an account have a program's data before they are public. A lead decides."""
    ends = time_of(until, "until") if until else None
    number = grants.grant(ops, name, program, kind="pi" if as_pi else "guest", until=ends, reason=reason)
    return Answer({"grant": number}, [f"grant {number}: {name} may have the data of program {program}"])


@click.option("--program", default="", help="Of this program.")
@click.option("--account", "name", default="", help="Of this account.")
def listed_grants(ops: Ops, program: str, name: str) -> Answer:
    """List who may have which program's data before they are public."""
    rows = grants.grants(ops, program=program, name=name)
    return Answer(rows, [table(rows, GRANT) if rows else "There is no grant."])


@click.argument("number", type=int)
@change_options
def end_grant(ops: Ops, number: int, ticket: str | None, reason: str, *, yes: bool) -> Answer:
    """End a grant, by its number, at once. A lead decides.

    Without --apply and --yes it only shows what would end, and the hash for it.
    """
    return _ends(ops, Act.END_GRANT, number, ticket, reason, yes=yes)


for _name, _function in (("list", listed), ("put", put), ("close", close), ("token", token), ("tokens", tokens), ("revoke", revoke),
                         ("grant", grant), ("grants", listed_grants), ("end-grant", end_grant)):  # fmt: skip
    verb(commands, _name)(_function)
