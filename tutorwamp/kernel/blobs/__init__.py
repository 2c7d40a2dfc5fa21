"""Bytes under keys, in a folder or in S3-compatible storage: the board's pictures and the chat's files."""
