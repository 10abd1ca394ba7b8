"""Benchmarks: this mesh and a stock containerd side by side in one run; results are ratios."""
