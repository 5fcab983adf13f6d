"""The Open Workflow Layer (OWL): what is to be done, what is being done, what failed and how to rescue it.

Comes in: `StepSpec` rows from a flow. Goes out: published products and the story of every step.
Verbs: submit (plan), run (an engine), rescue. State lives in the database, never in an engine.
"""
