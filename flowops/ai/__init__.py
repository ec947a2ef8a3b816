"""Suggests: turns a frozen context into a candidate artifact; cannot reach storage or actions."""
