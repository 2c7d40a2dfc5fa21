"""A forgotten password, and an address that is confirmed: what goes by mail."""
