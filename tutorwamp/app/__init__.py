"""The whole machine, put together on one page, and its command line."""
