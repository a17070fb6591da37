"""Environment: how a session is handed on, to any shell or program."""
