"""Money: integer minor units and an ISO 4217 currency; floats are refused."""

from functools import total_ordering
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

MAX_INTEGER = 2**53 - 1  # the largest integer every JSON reader keeps exact (RFC 8259, section 6)

# ISO 4217 (active codes); minor units are 2 unless a code is listed with another number.
_TWO = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP "
    "CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES "
    "KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK "
    "NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB "
    "TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
)
_ZERO = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
EXPONENTS = dict.fromkeys(_TWO.split(), 2) | dict.fromkeys(_ZERO.split(), 0) | dict.fromkeys(_THREE.split(), 3)


def _known(code: str) -> str:
    if code not in EXPONENTS:
        msg = f"{code!r} is no ISO 4217 currency code"
        raise ValueError(msg)
    return code


Currency = Annotated[str, Field(min_length=3, max_length=3), AfterValidator(_known)]


@total_ordering
class Money(BaseModel):
    """An amount in the minor units of its currency: `Money(amount=4900, currency="EUR")` is 49.00 EUR.

    >>> str(Money(amount=-4905, currency="EUR")), str(Money(amount=49, currency="JPY"))
    ('-49.05 EUR', '49 JPY')
    >>> Money(amount=49.0, currency="EUR")
    Traceback (most recent call last):
    pydantic_core._pydantic_core.ValidationError: ...
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    amount: int = Field(ge=-MAX_INTEGER, le=MAX_INTEGER)
    currency: Currency

    def __str__(self) -> str:
        digits = EXPONENTS[self.currency]
        whole, part = divmod(abs(self.amount), 10**digits)
        sign = "-" if self.amount < 0 else ""
        return f"{sign}{whole}{f'.{part:0{digits}d}' if digits else ''} {self.currency}"

    def __lt__(self, other: "Money") -> bool:
        """Compare amounts of one currency; two currencies have no order (ValueError)."""
        if self.currency != other.currency:
            msg = f"{self.currency} and {other.currency} cannot be compared"
            raise ValueError(msg)
        return self.amount < other.amount
