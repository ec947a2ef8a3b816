"""The child process of the built-in generator: reads `{kind, context}`, writes one artifact, knows nothing else.

It starts for every artifact, so it imports the standard library and the extractive generator and no more.
"""

import json
import sys

from flowops.ai import extractive


def main() -> None:
    """Answer the one question on standard input; the same question gets the same bytes."""
    asked = json.load(sys.stdin.buffer)
    answer = extractive.generate(asked["kind"], asked["context"])
    sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode())


if __name__ == "__main__":
    main()
