"""Stores that need rows and a plugin together, and services that are only forwarded to a plugin.

Rows and rules are in ``metadata``, the plugins themselves in ``plugins``.
"""
