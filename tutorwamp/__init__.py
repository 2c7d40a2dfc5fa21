"""The realtime backend of an online tutoring platform."""

import sys

__version__ = "0.1.0"

# For this process what supervision/spared is for the node's: autobahn imports bjdata.
sys.modules.setdefault("_bjdata", None)  # type: ignore[arg-type]  # None: importing it fails
