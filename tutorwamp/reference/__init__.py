"""The reference of all that a client can ask for, made from the code."""
