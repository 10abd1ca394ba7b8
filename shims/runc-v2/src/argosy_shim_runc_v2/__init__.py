"""A runtime-v2 shim over runc and crun: one small process that owns containers, for every daemon that speaks containerd's shim API."""
