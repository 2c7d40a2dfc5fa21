"""The JavaScript client, and the classroom page that is made with it: static files, no code of the backend."""
