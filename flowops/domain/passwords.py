"""Which passwords are accepted: length counts, composition rules do not (NIST SP 800-63B, section 3.1.1.2)."""

from flowops import errors

SHORTEST, LONGEST = 8, 1000

# The favourites of every published breach that are long enough to pass otherwise; compared in lower case.
_COMMON = """
00000000 0123456789 11111111 111111111 1111111111 11223344 12121212 123123123 12341234 12345678 123456789
1234567890 123456abc 1234qwer 123qweasd 147258369 1q2w3e4r 1q2w3e4r5t 1qaz2wsx 22222222 55555555 66666666
77777777 87654321 88888888 987654321 9876543210 99999999 a1234567 a12345678 a123456789 aa123456 aaaaaaaa
abc12345 abc123456 abcd1234 abcdefgh admin123 administrator asdf1234 asdfasdf asdfghjk asdfghjkl baseball
changeme charlie1 computer corvette dragon12 football iloveyou iloveyou1 internet jennifer letmein1 liverpool
master12 mercedes michael1 midnight monkey12 p@ssw0rd p@ssword pa55word passw0rd password password! password1
password12 password123 password1234 princess princess1 q1w2e3r4 q1w2e3r4t5 qazwsxedc qwer1234 qwert123
qwerty12 qwerty123 qwerty1234 qwertyui qwertyuiop samantha secret123 starwars sunshine sunshine1 superman
superman1 test1234 trustno1 victoria welcome1 welcome123 whatever zaq12wsx zxcvbnm1 zxcvbnm123
"""
_REFUSED = frozenset(_COMMON.split())


def check(password: str) -> None:
    """Raise Invalid, saying why, unless the password may be used.

    >>> check("correct horse battery staple")
    >>> check("Password1")
    Traceback (most recent call last):
    flowops.errors.Invalid: This password is among the first that are guessed. Nothing was changed; take another one.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        reason = f"A password has {SHORTEST} to {LONGEST} characters, best 15 or more. Nothing was changed."
        raise errors.Invalid(reason=reason)
    if password.lower() in _REFUSED:
        reason = "This password is among the first that are guessed. Nothing was changed; take another one."
        raise errors.Invalid(reason=reason)


def encode(password: str) -> bytes:
    """The bytes that are hashed; half a character, which UTF-8 refuses, is taken as it is."""
    return password.encode(errors="surrogatepass")
