"""Lets `python -m flowops` be the `flowops` command."""

from flowops import cli

if __name__ == "__main__":
    cli.main()
