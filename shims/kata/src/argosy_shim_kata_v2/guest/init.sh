#!/bin/busybox sh
# PID 1 of the guest, for a moment: an OCI runtime can't pivot away from an initramfs, so its files go to a tmpfs first.
b=/bin/busybox
$b mkdir -p /new
$b mount -t tmpfs -o mode=755 tmpfs /new
cd /
$b cp -a agent bin dev etc lib lib64 usr var root tmp proc sys run mnt /new/
exec $b switch_root /new /bin/busybox env - PATH=/usr/bin:/bin /usr/bin/python3 -I -S -B -u /agent/argosy_shim_kata_v2/guest/agent.py </dev/null >/dev/console 2>&1
