from __future__ import annotations

import pytest
from attrs import fields_dict
from attrs.exceptions import FrozenInstanceError
from hypothesis import given
from hypothesis import strategies as st

from kit.fillings import FILLINGS
from kit.keys import SERVER_KEY
from kit.slices import count, finish
from mtproto_bind._crypto import KNOWN_PRIME, Crypto, Factor, Over, Powers, ProvePrime, RsaOpen, Secret, Work, default_crypto
from mtproto_bind._crypto.pure import PureCrypto
from mtproto_bind._ground import to_fixed, to_int

CRYPTO = default_crypto()
BLINDING = Secret(bytes(range(32)))
SEED = Secret(bytes(range(32)))
every_filling = pytest.mark.parametrize("crypto", FILLINGS, ids=lambda crypto: crypto.name)


class Watched(Over):
    """Remembers the powers."""

    def __init__(self, base: Crypto) -> None:
        super().__init__(base)
        self.powers: list[tuple[int, int, int, bool]] = []

    def modexp(self, base: int, exponent: int, modulus: int, *, secret: bool = False) -> int:
        self.powers.append((base, exponent, modulus, secret))
        return super().modexp(base, exponent, modulus, secret=secret)

    def secrets(self) -> int:
        return sum(secret for *_, secret in self.powers)


WORKS: list[Work[object]] = [
    Factor(1724114033281923457, 200),
    ProvePrime(23, SEED),
    Powers((3, 5, 7), Secret(b"\5"), 23),
    RsaOpen(bytes(255) + b"\7", SERVER_KEY, BLINDING),
]
ANSWERS = [(1229739323, 1402015859), True, (13, 20, 17), to_fixed(pow(7, SERVER_KEY.d, SERVER_KEY.n), 256)]


@every_filling
@pytest.mark.parametrize(("work", "answer"), list(zip(WORKS, ANSWERS, strict=True)), ids=lambda value: type(value).__name__)
def test_slices_and_run_give_the_same_every_time(crypto: Crypto, work: Work[object], answer: object) -> None:
    assert work.run(crypto) == answer
    assert finish(work.slices(crypto)) == answer
    abandoned = work.slices(crypto)
    next(abandoned, None)
    abandoned.close()
    assert work.run(crypto) == answer


@pytest.mark.parametrize("work", WORKS, ids=lambda work: type(work).__name__)
def test_works_are_values(work: Work[object]) -> None:
    assert len({work, *WORKS}) == len(WORKS)
    for name in fields_dict(type(work)):
        with pytest.raises(FrozenInstanceError):
            setattr(work, name, 1)
    for secret in (SEED.reveal(), bytes([5]), SERVER_KEY.d, SERVER_KEY.p):
        assert repr(secret).strip("b'") not in repr(work).replace("(3, 5, 7)", "")


def test_what_is_shown() -> None:
    assert repr(WORKS[0]) == "Factor(pq=1724114033281923457, curves=200)"
    assert repr(WORKS[1]) == "ProvePrime(p=23, seed=Secret(<32 bytes>))"
    assert repr(WORKS[2]) == "Powers(bases=(3, 5, 7), exponent=Secret(<1 bytes>), modulus=23)"
    assert repr(WORKS[3]) == f"RsaOpen(key={SERVER_KEY!r}, blinding=Secret(<32 bytes>))"


def test_a_pq_without_factors() -> None:
    assert Factor((1 << 61) - 1, 200).run(CRYPTO) is None


@given(st.integers(0, 5))
def test_powers_come_one_a_slice_and_all_are_secret(number: int) -> None:
    watched = Watched(PureCrypto())
    slices = Powers((2,) * number, Secret(b"\x01\x02"), 23).slices(watched)
    for done in range(1, number):
        next(slices)
        assert watched.powers == done * [(2, 258, 23, True)]
    assert count(slices) == ((pow(2, 258, 23),) * number, 0)


def test_a_prime_is_proven_with_32_witnesses_that_the_seed_yields() -> None:
    watched = Watched(CRYPTO)
    answer, pauses = count(ProvePrime(KNOWN_PRIME, SEED).slices(watched))
    assert (answer, pauses) == (True, 32)
    bases = [base for base, *_ in watched.powers]
    assert bases[0] == 2
    assert len(set(bases)) == 33
    assert all(base.bit_length() > 1900 for base in bases[1:])
    other = Watched(CRYPTO)
    slices = ProvePrime(KNOWN_PRIME, Secret(bytes(32))).slices(other)
    for _ in range(3):
        next(slices)
    assert not {base for base, *_ in other.powers[1:]} & set(bases)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_seed_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"seed of 32 bytes, got {size}"):
        ProvePrime(KNOWN_PRIME, Secret(bytes(size)))


NUMBERS = st.integers(0, SERVER_KEY.n - 1)


@given(NUMBERS, st.binary(min_size=32, max_size=40))
def test_rsa_undoes_the_public_power(number: int, blinding: bytes) -> None:
    encrypted = to_fixed(CRYPTO.modexp(number, SERVER_KEY.e, SERVER_KEY.n), 256)
    assert RsaOpen(encrypted, SERVER_KEY, Secret(blinding)).run(CRYPTO) == to_fixed(number, 256)


@every_filling
@pytest.mark.parametrize("number", [0, 1, SERVER_KEY.p, SERVER_KEY.q, SERVER_KEY.n - 1], ids=["0", "1", "p", "q", "-1"])
def test_rsa_at_the_edges(crypto: Crypto, number: int) -> None:
    work = RsaOpen(to_fixed(pow(number, SERVER_KEY.e, SERVER_KEY.n), 256), SERVER_KEY, BLINDING)
    assert to_int(work.run(crypto)) == number


@every_filling
def test_rsa_takes_a_secret_power_a_slice(crypto: Crypto) -> None:
    watched = Watched(crypto)
    slices = RsaOpen(bytes(255) + b"\7", SERVER_KEY, BLINDING).slices(watched)
    next(slices)
    assert watched.secrets() == 1
    assert count(slices)[1] == 0
    assert watched.secrets() == 2
    assert [modulus for _, _, modulus, secret in watched.powers if secret] == [SERVER_KEY.p, SERVER_KEY.q]


@every_filling
def test_rsa_is_blinded_where_time_tells(crypto: Crypto) -> None:
    seen = set()
    for blinding in (BLINDING, Secret(bytes(32))):
        watched = Watched(crypto)
        RsaOpen(bytes(255) + b"\7", SERVER_KEY, blinding).run(watched)
        seen |= {base for base, _, _, secret in watched.powers if secret}
    assert len(seen) == (1 if crypto.constant_time_powers else 4)
    assert (7 in seen) == crypto.constant_time_powers


@pytest.mark.parametrize(
    ("encrypted", "blinding", "text"),
    [
        (bytes(255), 32, "256 bytes below the modulus, got 255"),
        (bytes(257), 32, "256 bytes below the modulus, got 257"),
        (to_fixed(SERVER_KEY.n, 256), 32, "256 bytes below the modulus"),
        (bytes(256), 31, "at least 32 bytes of blinding, got 31"),
    ],
)
def test_rsa_lengths(encrypted: bytes, blinding: int, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        RsaOpen(encrypted, SERVER_KEY, Secret(bytes(blinding)))
