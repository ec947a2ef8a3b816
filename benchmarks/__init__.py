"""Measures FlowOps beside others and beside the least its work can cost; README.md says how to read the figures."""
