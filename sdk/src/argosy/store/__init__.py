"""SQLite as a store that is never half-written: one writer, whole transactions, group commit, numbered migrations."""
