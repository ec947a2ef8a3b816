"""How often an address may fail, also when it tries everything at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import time_machine

from flowops import errors, tries
from tests.conftest import NOW


def exhausted(address: str) -> tries.Tries:
    known = tries.Tries()
    for _ in range(10):
        known.check(tries.SIGN_INS, address)
        known.failed(tries.SIGN_INS, address)
    return known


def test_an_address_waits_after_ten_failures_and_learns_how_long() -> None:
    with time_machine.travel(NOW, tick=False) as time:
        known = exhausted("203.0.113.7")
        with pytest.raises(errors.TooManyTries) as waiting:
            known.check(tries.SIGN_INS, "203.0.113.7")
        assert waiting.value.facts == {"seconds": 60}
        time.shift(61)
        known.check(tries.SIGN_INS, "203.0.113.7")


def test_others_do_not_wait_with_it() -> None:
    known = exhausted("203.0.113.7")
    known.check(tries.SIGN_INS, "203.0.113.8")
    known.check(tries.TOKENS, "203.0.113.7")


def test_the_addresses_of_one_ipv6_network_count_as_one() -> None:
    known = exhausted("2001:db8:0:1::1")
    known.check(tries.SIGN_INS, "2001:db8:0:2::1")
    with pytest.raises(errors.TooManyTries):
        known.check(tries.SIGN_INS, "2001:db8:0:1:ffff::2")


def test_an_ipv4_address_inside_an_ipv6_one_counts_as_itself() -> None:
    for form in ("::ffff:{}", "64:ff9b::{}"):  # as a socket for both has it, and as a NAT64 does
        known = exhausted(form.format("203.0.113.7"))
        known.check(tries.SIGN_INS, form.format("1.2.3.4"))
        for same in (form.format("203.0.113.7"), "203.0.113.7"):
            with pytest.raises(errors.TooManyTries):
                known.check(tries.SIGN_INS, same)


def test_what_is_no_address_counts_as_itself() -> None:
    with pytest.raises(errors.TooManyTries):
        exhausted("unix socket").check(tries.SIGN_INS, "unix socket")


def test_of_many_tries_at_once_no_more_begin_than_may_fail() -> None:
    known, begun, free = tries.Tries(), threading.Semaphore(0), threading.Event()

    def guess() -> bool:
        with suppress(errors.NotAuthenticated), known.trying(tries.SIGN_INS, "203.0.113.7"):
            begun.release()
            free.wait(10)
            raise errors.NotAuthenticated(reason="wrong")
        return True

    with ThreadPoolExecutor(30) as threads:
        ten = [threads.submit(guess) for _ in range(10)]
        for _ in ten:
            assert begun.acquire(timeout=10)
        more = [threads.submit(guess) for _ in range(20)]
        assert all(isinstance(each.exception(10), errors.TooManyTries) for each in more)
        free.set()
        assert all(each.result(10) for each in ten)
    with pytest.raises(errors.TooManyTries), known.trying(tries.SIGN_INS, "203.0.113.7"):
        pass


def test_what_succeeds_or_fails_for_another_reason_costs_no_try() -> None:
    known = tries.Tries()
    for _ in range(20):
        with known.trying(tries.SIGN_INS, "203.0.113.7"):
            pass
        with suppress(errors.Unavailable), known.trying(tries.SIGN_INS, "203.0.113.7"):
            raise errors.Unavailable(what="The database", reason="it is restarting")
