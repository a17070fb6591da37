"""Long-term keys: where they live, how they get there, and how old they are."""
