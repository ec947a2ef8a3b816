"""Speaks JSON: the HTTP interface under the root path."""
