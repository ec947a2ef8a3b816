"""FlowOps: requests are verified, policy decides, people own what it may not decide, AI only suggests."""

__version__ = "0.1.0"
