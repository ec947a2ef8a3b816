"""Answers: read-only functions that take a View first."""
