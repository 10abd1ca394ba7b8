"""What `just` calls: demo, packages, checks."""
