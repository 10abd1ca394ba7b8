"""A runtime-v2 shim over runc and crun: one small process that owns containers, whoever their daemon is."""
