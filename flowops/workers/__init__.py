"""Delivers: claims jobs from the outbox and runs their handlers."""
