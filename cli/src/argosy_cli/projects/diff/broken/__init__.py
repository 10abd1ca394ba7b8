"""Working differs with one fault each, which `argosy verify` finds."""
