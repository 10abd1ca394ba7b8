"""The task manager: finds shims, starts them, adopts them, and speaks to them for everybody."""
