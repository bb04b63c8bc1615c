"""Notifications to receivers: one worker each, and one small module per kind of receiver."""
