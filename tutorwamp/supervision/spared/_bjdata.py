"""Stands before bjdata's C extension on the node's path, so that its Python code is used.

pip may have built the extension against an old NumPy; then every process of the router prints a traceback over a
serializer that nobody here uses.
"""

raise ImportError("bjdata's Python code will do")
