"""How notifications say no: in the kernel's words only."""
