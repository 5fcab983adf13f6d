"""The runbook that tests write for themselves."""

from tests.toybooks import schema, write_runbook

__all__ = ["schema", "write_runbook"]
