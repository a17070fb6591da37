"""Exchanging a code for a session. Only this package calls AWS."""
