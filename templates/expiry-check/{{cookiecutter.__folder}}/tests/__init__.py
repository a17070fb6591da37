"""The tests of what people and hosts are given."""
