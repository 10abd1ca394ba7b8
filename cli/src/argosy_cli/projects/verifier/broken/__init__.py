"""Working verifiers with one fault each, which `argosy verify` finds."""
