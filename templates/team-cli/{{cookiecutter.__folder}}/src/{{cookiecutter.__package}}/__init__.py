"""The team's own command for AWS sessions with MFA, built on mfakit."""

__version__ = "0.1.0"
