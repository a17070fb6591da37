"""The periodic check: what is run, how often, and by which of the machine's schedulers."""
