"""The command: a table of commands, and one small module for each."""
