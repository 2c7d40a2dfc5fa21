"""How files say no: by the errors everybody has."""
