"""Remembers: the only package that defines tables or opens transactions."""
