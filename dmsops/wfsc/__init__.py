"""Wavefront support: from receipt of a wavefront visit to its products at WSS, against a clock of 90 minutes.

Comes in: a wavefront visit's products. Goes out: a hand-over folder with sums and a QUIP operation file,
the acknowledgement, and a clock per visit. Verbs: start_clock, clock_of, deliver.
"""

from dmsops.wfsc.clock import ClockReading, start_clock
from dmsops.wfsc.deliver import deliver
from dmsops.wfsc.watch import clock_of, clocks

__all__ = ["ClockReading", "clock_of", "clocks", "deliver", "start_clock"]
