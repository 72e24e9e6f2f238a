# SPDX-License-Identifier: MIT
"""KTAP for tests in Python: tests/unit/NAME.py, executable, run on the host.

    from ktap import check, equal, finish
    check(text.startswith("a"), "it begins with an a", got=text)
    equal(len(text), 3, "it has three letters")
    finish()

The plan is printed at the end. A failure prints what was expected and what was got.
"""

import sys

_count = 0
_failures = 0


def _note(label, value):
    for line in str(value).splitlines() or [""]:
        print(f"# {label:9} {line}")


def check(holds, name, expected="that it is so", got="that it is not"):
    """One result."""
    global _count, _failures
    _count += 1
    print(f"{'ok' if holds else 'not ok'} {_count} {name}", flush=True)
    if not holds:
        _failures += 1
        _note("expected:", expected)
        _note("got:", got)
    return holds


def equal(got, want, name):
    """One result: both are the same."""
    return check(got == want, name, repr(want), repr(got))


def finish():
    """Ends the test."""
    print(f"1..{_count}")
    sys.exit(1 if _failures else 0)


print("KTAP version 1", flush=True)
