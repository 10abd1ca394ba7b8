"""Suites and fixtures that anyone can point at a socket."""
