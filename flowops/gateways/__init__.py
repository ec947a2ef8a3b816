"""Reaches out: each file holds a protocol, a sandbox version and a real one."""
