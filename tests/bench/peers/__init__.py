"""Others that do what chat.send does, measured in the same rounds; see ``__main__.py``."""
