"""Profiles and their sessions, in the files that every AWS tool reads."""
