"""Who is really there: heartbeats, timeouts, and what a person missed."""
