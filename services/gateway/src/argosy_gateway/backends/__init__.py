"""What needs rows and a plugin together: one module a type. Rows and rules are in ``metadata``, the plugins themselves in ``plugins``."""
