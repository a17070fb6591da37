"""Dialogs: where a code is asked for when there is no terminal, or nobody is looking at it."""
