"""A gate through which few come at once, for a router of the tests: the real allowance takes thousands to use up."""

from __future__ import annotations

from tutorwamp.gate import wamp
from tutorwamp.kernel.limits import Allowance

FEW = 3
wamp.JOINS = Allowance(per_s=0.001, burst=FEW)  # type: ignore[attr-defined]  # the gate's own name for the kernel's

NarrowGate = wamp.GateComponent
