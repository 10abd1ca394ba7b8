"""Working content stores with one fault each, which `argosy verify` finds."""
