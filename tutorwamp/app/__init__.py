"""The whole machine, put together on one page."""
