"""The machinery every domain stands on; it knows no domain."""
