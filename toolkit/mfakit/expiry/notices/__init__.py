"""Telling people that a session is due for renewal, or has ended: once each, by every way."""
