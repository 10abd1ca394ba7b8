"""The task manager: finds shim binaries, starts shims, adopts running ones, and forwards calls to them."""
