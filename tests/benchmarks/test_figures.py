"""Tests for benchmarks/figures.py."""

import doctest

from benchmarks import figures


def test_the_examples_are_true() -> None:
    assert doctest.testmod(figures).failed == 0
