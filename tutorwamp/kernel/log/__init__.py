"""What a process tells: lines for people and machines, one for each call, and how long the parts of a call took."""

from tutorwamp.kernel.log.performance import PerfLogger, timed

__all__ = ["PerfLogger", "timed"]
