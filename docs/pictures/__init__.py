"""The pictures of the README and the documentation, drawn from what the real program does."""
