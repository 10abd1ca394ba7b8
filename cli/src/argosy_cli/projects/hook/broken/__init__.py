"""Working hooks with one fault each, which `argosy verify` finds."""
