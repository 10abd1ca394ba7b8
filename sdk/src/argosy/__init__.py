"""Argosy's SDK: what a plugin, a shim or a client of the mesh is made of."""
