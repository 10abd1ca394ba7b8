"""What talks to plugins: one room a type. Rows and rules are in ``metadata``, which plugins there are in ``plugins``."""
