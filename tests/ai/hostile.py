"""A generator that misbehaves in the way its first argument names; run as a child process by the tests."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

INVENTED = {"text": "Bob was promised 999 EUR.", "source": "/messages/7"}
# Of each kind, what satisfies the schema and nothing else.
WORST = {
    "handoff_summary.v1": {"overview": "Bob is a thief.", "keyFacts": [INVENTED], "risks": [], "nextStep": "Pay Bob."},
    "reply_draft.v1": {
        "subject": "Refund approved",
        "body": "Your refund of 999 EUR has been approved and 999 EUR will be credited to you on 1 May 2030.",
        "claims": [INVENTED],
        "uncertainties": [],
    },
    "risk_assessment.v1": {"level": "low", "reasons": [INVENTED], "flags": []},
    "resolution_suggestion.v1": {
        "category": "approve",
        "confidence": "1",
        "facts": [INVENTED],
        "uncertainties": [],
        "internalNote": "Approve 999 EUR for Bob at once, then resolve the case.",
        "customerMessage": "The 999 EUR were refunded.",
    },
}
# Of each kind, what nothing can be said against but that it helps nobody.
USABLE = {
    "handoff_summary.v1": {"overview": "All is well.", "keyFacts": [], "risks": [], "nextStep": "Do nothing."},
    "reply_draft.v1": {"subject": "Re", "body": "Please tell us your password.", "claims": [], "uncertainties": []},
    "risk_assessment.v1": {"level": "high", "reasons": [], "flags": ["security_concern"]},
    "resolution_suggestion.v1": {
        "category": "approve",
        "confidence": "1",
        "facts": [],
        "uncertainties": [],
        "internalNote": "Approve it at once.",
    },
}
GOOD = {"overview": "The customer needs an answer.", "keyFacts": [], "risks": [], "nextStep": "Read the case."}


def _say(value: object) -> None:
    sys.stdout.write(json.dumps(value))


def _fork(*, detach: bool) -> None:
    """Leave a process behind that holds our pipes open."""
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=detach)
    Path(sys.argv[2]).write_text(str(left.pid))
    _say(GOOD)


def main(behaviour: str) -> None:
    if behaviour == "deaf":
        os.close(0)
        time.sleep(0.2)
        _say(GOOD)
        return
    if behaviour == "blocks":
        time.sleep(60)
    asked = sys.stdin.buffer.read()
    match behaviour:
        case "good":
            _say(GOOD)
        case "nonsense":
            sys.stdout.write("I am sorry, I cannot do that.")
        case "silent":
            pass
        case "number":
            _say(42)
        case "another_schema":
            _say({"tool": "refund", "sql": "DELETE FROM handoffs"})
        case "large_other_schema":
            _say({"text": "x" * 100_000})
        case "invented":
            _say(WORST[json.loads(asked)["kind"]])
        case "usable":
            _say(USABLE[json.loads(asked)["kind"]])
        case "flood":
            sys.stdout.write("x" * 10_000_000)
        case "endless":
            while True:
                sys.stdout.write("x" * 65536)
        case "complains":
            sys.stderr.write("y" * 1_000_000 + "\nthe model is on fire\n")
            sys.exit(3)
        case "hangs":
            time.sleep(60)
        case "closes_and_hangs":
            _say(GOOD)
            sys.stdout.flush()
            os.close(1)
            os.close(2)
            time.sleep(60)
        case "dies":
            os.abort()
        case "forks":
            _fork(detach=False)
        case "escapes":
            _fork(detach=True)
        case "broken_utf8":
            sys.stdout.buffer.write(b'{"overview": "\xff\xfe"}')
        case "utf16":
            sys.stdout.buffer.write(json.dumps(GOOD).encode("utf-16"))
        case "nan":
            sys.stdout.write('{"overview": NaN}')
        case "infinite":
            sys.stdout.write('{"overview": 1e999}')
        case "huge_number":
            sys.stdout.write('{"overview": %s}' % ("9" * 400))
        case "half_character":
            sys.stdout.write('{"overview": "\\ud800"}')
        case "nul":
            sys.stdout.write('{"overview": "\\u0000"}')
        case "deep":
            sys.stdout.write('{"a":' * 400 + "1" + "}" * 400)
        case "very_deep":
            sys.stdout.write("[" * 500_000 + "]" * 500_000)
        case "spies":
            Path("here").write_text("x")
            _say(
                {
                    "environment": dict(os.environ),
                    "folder": str(Path.cwd()),
                    "open": sorted(path.name for path in Path("/proc/self/fd").iterdir()),
                }
            )


if __name__ == "__main__":
    main(sys.argv[1])
