"""Decisions per second of the policy engine, beside a plain function and other engines that decide the same."""
