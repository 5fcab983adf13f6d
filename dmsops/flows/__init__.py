"""The flows that the workflow layer controls: what has been received becomes planned work.

Comes in: released files (receipt). Goes out: workflow steps; the parts meet here and nowhere else.
Verbs: plan_visit, plan_received, receive_waiting, watch; of a later status file (`status_files`): preview, regenerate; of
ephemerides (`ephemeris`): preview, refresh.
"""
