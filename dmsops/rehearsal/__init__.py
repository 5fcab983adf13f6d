"""Rehearsals: the whole house worked as on the day, against the test bed.

Comes in: a visit to fly. Goes out: a report of what was received, made, archived and delivered.
Verbs: wavefront (the WaveFront Exercise).
"""
