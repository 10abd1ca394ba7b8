"""Mounts that are kept for clients, as a process of its own."""
