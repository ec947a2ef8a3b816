"""Rows of text for spreadsheets (CSV, RFC 4180), in which nothing that people wrote is taken for a formula."""

import csv
import io
from collections.abc import Iterable


def row(cells: Iterable[str]) -> str:
    """One line of a CSV file.

    >>> row(["Ada", "one, two"]).rstrip()
    'Ada,"one, two"'
    """
    line = io.StringIO()
    csv.writer(line).writerow(map(neutralise, cells))
    return line.getvalue()


def neutralise(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP, "CSV Injection").

    >>> neutralise("=1+1"), neutralise("Ada")
    ("'=1+1", 'Ada')
    """
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
