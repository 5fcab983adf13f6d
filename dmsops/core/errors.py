"""Every error that DMSOps raises on purpose, in one file.

::

    DmsError                      carries a code, facts and a remedy
    ├── BadInput                  exit 2: what was given cannot be used
    │   ├── BadName               a file or dataset name that does not parse
    │   ├── BadSetting            a setting or site file that cannot be used
    │   ├── BadDelivery           a manifest or delivered file that cannot be taken
    │   └── BadVisit              a visit description or event log that cannot be flown
    ├── Refused                   exit 2: understood, and not allowed now
    │   ├── NotAllowed            the actor's role does not cover the verb
    │   ├── NotSignedIn           nobody known is asking
    │   ├── NotActing             another engine acts on the site
    │   ├── TooMany               somebody asks more than a service answers
    │   ├── StalePlan             the site changed since the preview
    │   └── BadTransition         the state does not allow the verb
    ├── NotFound                  exit 2: there is no such thing on this site
    └── Failed                    exit 1: tried, and did not work
        ├── StepFailed            a processing step ended badly
        ├── GateFailed            a step ended well but its product is not good
        ├── FilesRefused          the file system did not let us read or write
        ├── StoreUnreachable      the bucket that holds the store does not answer, or refuses
        ├── StoreDamaged          bytes in the store are not what was put there
        └── DeliveryRefused       a neighbour did not take what we sent

A remedy names the procedure to use; tests hold every class to a unique ``code`` and a remedy.
"""

from __future__ import annotations

from typing import Any, ClassVar

LONGEST = 2000
"""Characters of a message: one that quotes what was given must not be as long as a file."""


class DmsError(Exception):
    """Base of all errors that an operator may see.

    Parameters
    ----------
    message : str
        One plain sentence: what is wrong, and with which file or field.
    remedy : str, optional
        What to do about it; the class's own remedy when left out.
    **facts
        What the message is about, for machines (journal, ``--json``).
    """

    code: ClassVar[str] = "dms"
    remedy: str = "Open an anomaly with procedure P21 and tell the shift lead."
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, remedy: str | None = None, **facts: Any) -> None:
        self.message = message if len(message) <= LONGEST else f"{message[:LONGEST]} ... ({len(message)} characters)"
        super().__init__(self.message)
        self.facts = facts
        if remedy is not None:
            self.remedy = remedy

    def __reduce__(self) -> tuple[Any, ...]:
        """Cross a process border whole: facts and remedy too."""
        return _rebuild, (type(self), self.message, self.remedy, self.facts)

    def as_dict(self) -> dict[str, Any]:
        """Give the error as plain data: code, message, remedy, facts."""
        facts = {k: v if isinstance(v, str | int | float | bool | list | None) else str(v) for k, v in self.facts.items()}
        return {"code": self.code, "message": self.message, "remedy": self.remedy, "facts": facts}


def _rebuild(cls: type[DmsError], message: str, remedy: str, facts: dict[str, Any]) -> DmsError:
    return cls(message, remedy=remedy, **facts)


class BadInput(DmsError):
    """What was given cannot be used as it is."""

    code = "input.bad"
    remedy = "Correct the input named above and give the command again; procedure P04 if it came from outside."
    exit_code = 2


class BadName(BadInput):
    """A file or dataset name that does not follow the naming rules."""

    code = "name.bad"
    remedy = "Check the name against docs/reference/names; a delivered file with a bad name goes through procedure P04."


class BadSetting(BadInput):
    """A setting that cannot be used."""

    code = "setting.bad"
    remedy = "Correct the setting in site.toml or the environment; procedure P20 checks the whole configuration."


class BadDelivery(BadInput):
    """A manifest or a delivered file that cannot be taken."""

    code = "delivery.bad"
    remedy = "Use procedure P04: the file is kept in quarantine and asked for again."


class BadVisit(BadInput):
    """A visit description or event log that cannot be flown."""

    code = "visit.bad"
    remedy = "Correct the line named above; procedure P05 reconciles a visit whose log is damaged."


class Refused(DmsError):
    """The request was understood and is not allowed now."""

    code = "refused"
    remedy = "Look at the preview again; procedure P09 lists what each verb needs."
    exit_code = 2


class NotAllowed(Refused):
    """The actor's role does not cover the verb."""

    code = "actor.not-allowed"
    remedy = "Ask someone with the role named above, or have the lead change yours (procedure P01)."


class NotSignedIn(Refused):
    """Nobody known to the site is asking."""

    code = "actor.unknown"
    remedy = "Sign in, or have the lead add you with `dmsops people add` (procedure P01)."


class NotActing(Refused):
    """Another engine acts on the site: this one may not write."""

    code = "engine.not-acting"
    remedy = "`dmsops engine status` shows which engine acts (procedure P07); `dmsops engine run --forever` stands by for it."


class TooMany(Refused):
    """Somebody asks more, or more often, than a service answers."""

    code = "too-many"
    remedy = "Ask again after the seconds named above, or ask for less at a time; procedure P17 says what the limits are."


class StalePlan(Refused):
    """Something that the preview was made from has changed since."""

    code = "plan.stale"
    remedy = "Make the preview again, read it, and apply the new plan (procedure P08)."


class BadTransition(Refused):
    """The present state does not allow the verb."""

    code = "state.refused"
    remedy = "Read the step's story above; procedure P08 says which verb fits which state."


class NotFound(DmsError):
    """There is no such thing on this site."""

    code = "not-found"
    remedy = "Check the name and the site; `dmsops status` lists what there is (procedure P07)."
    exit_code = 2


class Failed(DmsError):
    """It was tried and did not work."""

    code = "failed"
    remedy = "Read the log named above; procedure P07 groups failures, P08 rescues them."


class StepFailed(Failed):
    """A processing step ended badly."""

    code = "step.failed"
    remedy = "Repair the cause, then rescue the step with procedure P08."


class GateFailed(StepFailed):
    """A step ended well, but its product is missing or not good enough."""

    code = "gate.failed"
    remedy = "Look at the product's header and the step's log, repair the cause, rescue with procedure P08."


class FilesRefused(Failed):
    """The file system did not let us read or write: full, read-only, broken, too many open files."""

    code = "files.refused"
    remedy = "Free or repair the site's file system, then give the command again; procedure P04 covers it."


class StoreUnreachable(Failed):
    """The bucket that holds the store does not answer, is not there, or refuses us."""

    code = "store.unreachable"
    remedy = "Read what the server said above, mend address, bucket or credentials, then give the command again; procedure P04 covers it."


class StoreDamaged(Failed):
    """Bytes in the store are not those that were put there."""

    code = "store.damaged"
    remedy = "Do not delete anything: rebuild the product from its inputs with procedure P08, then audit with P16."


class DeliveryRefused(Failed):
    """A neighbour did not take what we sent."""

    code = "delivery.refused"
    remedy = "Procedure P17 resends; for the wavefront team use P10 and the voice loop."
