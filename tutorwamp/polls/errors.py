"""How polls say no: in the kernel's words and those of lessons; they need none of their own."""
