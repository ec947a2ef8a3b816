"""Speaks HTML: the operator console under /console."""
