"""The classroom page: static files, no code of the backend."""
