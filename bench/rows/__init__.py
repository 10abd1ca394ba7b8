"""The rows: each measures one thing on both sides in turn."""
