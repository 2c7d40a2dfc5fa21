"""How sessions say no: in the kernel's words only."""
