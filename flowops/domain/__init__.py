"""Decides: values in, verdicts out; no database, network, clock, environment or dice."""
