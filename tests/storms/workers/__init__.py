"""The storm's workers: each does one kind of work on objects of its own, is cut short often, and knows what it was told."""
