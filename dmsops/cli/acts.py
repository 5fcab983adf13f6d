"""Every verb of the workflow layer as a command, all made by one factory: preview first, then by the plan's hash."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from dmsops.cli.frame import Answer, change_options, verb, word
from dmsops.cli.plans import plan_lines
from dmsops.core.counting import counted
from dmsops.core.errors import BadInput, DmsError
from dmsops.core.names import VisitId
from dmsops.ops import Ops
from dmsops.procedures.control import changes
from dmsops.workflow import acts, blackboard
from dmsops.workflow.acts import Receipt, Verb
from dmsops.workflow.choose import Selection
from dmsops.workflow.pauses import SCOPES
from dmsops.workflow.plan import Plan
from dmsops.workflow.states import StepState

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

CHOICE: tuple[Decorator, ...] = (
    click.option("--step", "steps", type=int, multiple=True, metavar="N", help="Step by its number (repeat for several)."),
    click.option("--state", "states", type=click.Choice([s.value for s in StepState]), multiple=True, help="Steps in this state."),
    click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Steps of this kind, as processing.detector1."),
    click.option("--class", "classes", type=click.Choice(list(blackboard.RANKS)), multiple=True, help="Steps of this class."),
    click.option("--dataset", "text", default="", metavar="TEXT", help="Steps whose dataset or workflow holds this."),
    click.option("--visit", default="", metavar="VISIT", help="Steps of this visit's workflows."),
    click.option("--fingerprint", default="", metavar="TEXT", help="Steps that failed so (from `workflow failures`), whole."),
    click.option("--assigned-to", default="", metavar="NAME", help="Steps that this person has."),
)
"""How steps are chosen: all that is given must hold."""
_ALL_FAILED: Decorator = click.option("--all-failed", is_flag=True, help="All failed steps (the same as --state failed).")

PARAMS: dict[str, Decorator] = {
    "until": click.option("--until", default="", metavar="TIME", help="Lets go by itself at this time, as 2022-12-04T05:30:00Z."),
    "priority": click.option("--priority", type=int, required=True, metavar="N", help="-49 to 49; higher runs earlier, 0 is usual."),
    "following": click.option("--following", is_flag=True, help="Also all steps that follow from them."),
    "person": click.option("--to", "person", required=True, metavar="NAME", help="One of the site's people."),
    "scope": click.argument("scope", type=click.Choice(SCOPES)),
    "target": click.argument("target", default="", metavar="[WORKFLOW-OR-KIND]"),
    "remake": click.option("--remake", is_flag=True, help="Also run steps again that ended well, and all that follows from them."),
    "upstream": click.option("--upstream", is_flag=True, help="Also run again what came before them."),
    "more_memory": click.option("--more-memory", is_flag=True, help="Grant failed steps the next rung of memory."),
    "changes": click.option("--change", "changes", multiple=True, metavar="NAME=VALUE", help="Run with this parameter changed."),
    "derived_from": click.option("--derived-from", multiple=True, metavar="FILE", help="All steps that used this (bad) file."),
}
"""A verb's own parameters, by their name in `Verb.params`."""
_HOW = """Without --apply and --yes it only shows what would happen, and the plan's hash. Then the same command with
--apply HASH --reason TEXT; a plan that the site has moved away from is refused."""
_SECOND = "\n\nAnother person must agree: --apply and --yes only ask for it (see `workflow asked` and `workflow agree`)."


def add_verbs(group: click.Group) -> None:
    """Make a command of every verb there is."""
    for known in acts.verbs().values():
        verb(group, known.name)(_command(known))


def _command(known: Verb) -> Callable[..., Answer]:
    chooses = "scope" not in known.params

    def run(ops: Ops, ticket: str | None, reason: str, yes: bool, **given: Any) -> Answer:
        params = _params(known, given)
        return _preview_or_act(ops, known, _selection(ops, given), params, ticket, reason, yes=yes)

    run.__doc__ = f"{known.title}\n\n{_HOW}{_SECOND if known.second else ''}"
    choice = (*CHOICE, _ALL_FAILED) if chooses else ()
    decorators: list[Decorator] = [*choice, *(PARAMS[name] for name in known.params), change_options]
    made: Callable[..., Answer] = run
    for decorate in reversed(decorators):
        made = decorate(made)
    return made


def _params(known: Verb, given: dict[str, Any]) -> dict[str, Any]:
    """Take a verb's own parameters out of what was typed."""
    found = {name: given.pop(name) for name in known.params}
    if "changes" in found:
        found["changes"] = changes(found["changes"])
    if found.get("scope") == "workflow":
        found["target"] = _visit(found["target"])
    return found


def _selection(ops: Ops, given: dict[str, Any]) -> Selection:
    if given.pop("all_failed", False):
        given["states"] = tuple({*given["states"], StepState.FAILED.value})
    _known_kinds(given.get("kinds", ()))
    return Selection.of({**given, "visit": _visit(given.get("visit", ""))})


def _known_kinds(kinds: tuple[str, ...]) -> None:
    from dmsops.workflow.steps import load_kinds

    for kind in kinds:
        if kind not in load_kinds():
            raise BadInput(f"no kind of step is called '{kind}'; `dmsops step list` names them", field="kind")


def _visit(text: str) -> str:
    """Take a visit with or without its V: workflows are named by its number."""
    try:
        return str(VisitId.parse(text)) if text else ""
    except DmsError:
        return text


def _preview_or_act(
    ops: Ops, known: Verb, selection: Selection, params: dict[str, Any], ticket: str | None, reason: str, *, yes: bool
) -> Answer:
    if ticket is None and not yes:
        planned = acts.preview(ops, known.name, selection, **params)
        return Answer(document(planned, "preview"), [*plan_lines(planned, past(known)), *_how_to_do_it(ops, known, planned)])
    seen = ticket if ticket is not None else acts.preview(ops, known.name, selection, **params).hash
    done = acts.act(ops, known.name, selection, ticket=seen, reason=reason, **params)
    return Answer(document(done.plan, done.state, done.command), [receipt_words(known, done)])


def past(known: Verb) -> str:
    """Give what a verb makes of its steps, from its event: ``workflow.held`` gives held."""
    return known.event.partition(".")[2]


def document(planned: Plan, state: str, command: int | None = None) -> dict[str, Any]:
    """Give what `--json` prints: the plan, whether it was done, and the act's number."""
    return {"plan": planned.as_dict(), "applied": state == "applied", "state": state, "command": command}


def _how_to_do_it(ops: Ops, known: Verb, planned: Plan) -> list[str]:
    if not planned.again and not planned.notes:
        return []
    asks = "; then a second person must agree" if known.second else ""
    who = f"{ops.operator.name}, {ops.operator.role.word}"
    return ["", f"To do it ({word(who)}): the same command with --apply {planned.hash} --reason TEXT{asks}"]


def receipt_words(known: Verb, done: Receipt) -> str:
    """Say what became of an act."""
    if done.state == "asked":
        return f"Asked for, as act {done.command}; nothing is done yet. Somebody else: dmsops workflow agree {done.command} --reason TEXT"
    if known.name == "rescue":
        return f"{counted(len(done.plan.again), 'step')} will run again when the engine takes them (dmsops engine run); act {done.command}"
    what = counted(len(done.plan.again), "step") if done.plan.again else "Done:"
    return f"{what} {past(known)} (act {done.command}, journal line {done.seq})"
