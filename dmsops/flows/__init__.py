"""The flows that the workflow layer controls: what has been received becomes planned work.

Comes in: released files (receipt). Goes out: workflow steps; the parts meet here and nowhere else.
Verbs: plan_visit, plan_received; ephemeris.preview, ephemeris.refresh.
"""
