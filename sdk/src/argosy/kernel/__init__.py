"""Every raw system call of Argosy is made in this package: its modules are the ones to read with most care."""
