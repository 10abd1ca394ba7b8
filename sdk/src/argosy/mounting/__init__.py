"""Mounts that have to be prepared before they are mounted: what comes before a type (``format/mkdir/overlay``), and types of our own."""
