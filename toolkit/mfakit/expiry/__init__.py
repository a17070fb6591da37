"""Expiry: when sessions end, and when they are due for renewal."""
