"""Encrypted layers, as ocicrypt has them: their bytes, their keys wrapped for recipients, and the program that opens them for a differ.

What needs cryptography and joserfc imports them where it does: nobody loads either who handles no such layer.
"""
