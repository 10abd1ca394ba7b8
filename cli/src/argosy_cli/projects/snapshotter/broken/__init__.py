"""Working snapshotters with one fault each, which `argosy verify` finds."""
