"""The danger map: every raw system call of Argosy is made in this package, each with a recording twin for tests."""
