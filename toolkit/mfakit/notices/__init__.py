"""Notices: people learn once, by each way, that a session is due for renewal or has ended."""
