"""The guest image: a kernel and an initrd made from Debian's packages, without root and without a compiler."""
