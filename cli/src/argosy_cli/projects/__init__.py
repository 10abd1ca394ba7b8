"""What `argosy plugin new` writes: projects of a plugin called mine, a directory for each kind.

They are checked as they are, and `mine` and `Mine` are the only words in them that are changed for somebody's own.
"""
