"""The attacks, each a portion of a second or two; importing this enters them all."""

from tests.hostile.attacks import arguments, bombs, bytes_kept, cost, early, forgeries, http_doors, tokens, topics

__all__ = ["arguments", "bombs", "bytes_kept", "cost", "early", "forgeries", "http_doors", "tokens", "topics"]
