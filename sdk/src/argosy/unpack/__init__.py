"""Layers onto trees: inflate, parse, write. Every byte of an archive is taken for hostile."""
