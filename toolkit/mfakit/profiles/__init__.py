"""Profiles: where sessions are kept, in the files that every AWS tool reads."""
