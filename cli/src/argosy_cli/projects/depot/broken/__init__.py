"""Working depots with one fault each, which `argosy verify` finds."""
