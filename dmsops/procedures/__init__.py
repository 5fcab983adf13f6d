"""Procedures: the staff's runbooks, run with checked parameters and kept as evidence.

Comes in: a runbook (`runbooks/pNN_*.ipynb`), parameters as typed text, the operator and the reason.
Goes out: an executed notebook that is never written again, and a record chained to the one before.
Verbs: list_runbooks, parse (parameters), run, sign, verify. A runbook's cells use `book`.
"""
