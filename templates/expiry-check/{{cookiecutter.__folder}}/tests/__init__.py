"""The tests of the schedule and of the monitoring."""
