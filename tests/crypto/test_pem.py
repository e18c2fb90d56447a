from __future__ import annotations

import re
from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from hypothesis import given
from hypothesis import strategies as st

from kit.keys import SERVER_KEY, SERVER_KEY_PEM
from mtproto_bind._crypto.pem import armour, private_numbers, public_numbers, sequence_of_integers
from mtproto_bind._crypto.rsa import PrivateKey, PublicKey


def theirs() -> RSAPrivateKey:
    key = load_pem_private_key(SERVER_KEY_PEM.encode(), None)
    assert isinstance(key, RSAPrivateKey)
    return key


def private_text(form: PrivateFormat, password: bytes | None = None) -> str:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return theirs().private_bytes(Encoding.PEM, form, encryption).decode()


def public_text(form: PublicFormat) -> str:
    return theirs().public_key().public_bytes(Encoding.PEM, form).decode()


CURVE_KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_PUBLIC = CURVE_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
OTHER_PRIVATE = CURVE_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize("form", [PublicFormat.PKCS1, PublicFormat.SubjectPublicKeyInfo])
def test_public_keys_of_openssl_are_read(form: PublicFormat) -> None:
    assert PublicKey.from_pem(public_text(form)) == SERVER_KEY.public


@pytest.mark.parametrize("form", [PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8])
def test_private_keys_of_openssl_are_read(form: PrivateFormat) -> None:
    key = PrivateKey.from_pem(private_text(form))
    assert (key.n, key.e, key.d, key.p, key.q) == (SERVER_KEY.n, SERVER_KEY.e, SERVER_KEY.d, SERVER_KEY.p, SERVER_KEY.q)


def test_openssl_reads_what_we_write() -> None:
    assert SERVER_KEY.to_pem() == SERVER_KEY_PEM == private_text(PrivateFormat.TraditionalOpenSSL)
    assert SERVER_KEY.public.to_pem() == public_text(PublicFormat.PKCS1)
    assert load_pem_public_key(SERVER_KEY.public.to_pem().encode()) == theirs().public_key()


def test_what_stands_around_it_and_the_line_ends_do_not_matter() -> None:
    text = "a key:\n" + SERVER_KEY.public.to_pem() + "that was it"
    assert PublicKey.from_pem(text.replace("\n", "\r\n")) == SERVER_KEY.public


@given(st.lists(st.integers(0, 1 << 2100), min_size=2, max_size=2))
def test_numbers_come_back(numbers: list[int]) -> None:
    assert public_numbers(armour("RSA PUBLIC KEY", sequence_of_integers(*numbers))) == tuple(numbers)


@given(st.lists(st.integers(0, 1 << 70), min_size=8, max_size=8))
def test_private_numbers_come_back(numbers: list[int]) -> None:
    assert private_numbers(armour("RSA PRIVATE KEY", sequence_of_integers(0, *numbers))) == tuple(numbers[:5])


def test_lines_have_64_characters() -> None:
    assert [len(line) for line in armour("X", bytes(96)).split("\n")] == [17, 64, 64, 15, 0]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "no PEM text"),
        ("ssh-rsa AAAA", "no PEM text"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA", "no PEM text"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----", "no PEM text"),
        (armour("CERTIFICATE", b"x"), "a certificate: extract"),
        (armour("TRUSTED CERTIFICATE", b"x"), "a certificate: extract"),
        (armour("EC PARAMETERS", b"x"), r"a block of another kind \(EC PARAMETERS\)"),
        (SERVER_KEY_PEM, "a private key"),
        (private_text(PrivateFormat.PKCS8), "a private key"),
        (private_text(PrivateFormat.PKCS8, b"password"), "an encrypted private key: decrypt"),
        ("-----BEGIN PUBLIC KEY-----\nÄÖÜ!\n-----END PUBLIC KEY-----", "something else"),
        ("-----BEGIN PUBLIC KEY-----\nAAAAA\n-----END PUBLIC KEY-----", "something else"),
        ("-----BEGIN PUBLIC KEY-----\nMA!A=\n-----END PUBLIC KEY-----", "something else"),
        (OTHER_PUBLIC, "a key of another algorithm"),
    ],
)
def test_what_is_no_public_key_is_named(text: str, found: str) -> None:
    with pytest.raises(ValueError, match=rf"expected .*, got {found}"):
        PublicKey.from_pem(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "no PEM text"),
        (SERVER_KEY.public.to_pem(), "a public key"),
        (public_text(PublicFormat.SubjectPublicKeyInfo), "a public key"),
        (armour("CERTIFICATE", b"x"), "a certificate: extract"),
        (private_text(PrivateFormat.PKCS8, b"password"), "an encrypted private key: decrypt"),
        (private_text(PrivateFormat.TraditionalOpenSSL, b"password"), "an encrypted one: decrypt"),
        (armour("RSA PRIVATE KEY", sequence_of_integers(1, *range(8))), "1"),
        (armour("PRIVATE KEY", sequence_of_integers(1)), "1"),
        (OTHER_PRIVATE, "a key of another algorithm"),
    ],
)
def test_what_is_no_private_key_is_named(text: str, found: str) -> None:
    with pytest.raises(ValueError, match=rf"expected .*, got {found}"):
        PrivateKey.from_pem(text)


@pytest.mark.parametrize(
    ("der", "text"),
    [
        ("", "1 bytes of DER, got 0"),
        ("30", "1 bytes of DER, got 0"),
        ("3001", "1 bytes of DER, got 0"),
        ("3081", "1 bytes of DER, got 0"),
        ("3084ffffffff", "4294967295 bytes of DER, got 0"),
        ("3100", "a DER element 0x30, got 0x31"),
        ("3006020101020102ff", "the end of a DER element, got 1 bytes more"),
        ("3009020101020102020103", "the end of a DER element, got 3 bytes more"),
        ("3003020101", "1 bytes of DER, got 0"),
        ("3006020101020180", "a number of at least 0"),
        ("30050201010200", "a number of at least 0"),
        ("3006020101040101", "a DER element 0x02, got 0x04"),
    ],
)
def test_bad_der_is_refused(der: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        public_numbers(armour("RSA PUBLIC KEY", bytes.fromhex(der)))


ALGORITHM = "300d06092a864886f70d0101010500"


@pytest.mark.parametrize("bits", ["0300", "030101", "0302013f"])
def test_bits_that_are_not_octets_are_refused(bits: str) -> None:
    body = ALGORITHM + bits
    with pytest.raises(ValueError, match="whole number of octets"):
        public_numbers(armour("PUBLIC KEY", bytes.fromhex(f"30{len(body) // 2:02x}{body}")))


def test_nothing_may_follow_the_bits() -> None:
    inner = sequence_of_integers(5, 3).hex()
    body = f"{ALGORITHM}03{len(inner) // 2 + 1:02x}00{inner}"
    whole = f"30{len(body) // 2:02x}{body}"
    assert public_numbers(armour("PUBLIC KEY", bytes.fromhex(whole))) == (5, 3)
    with pytest.raises(ValueError, match="got 2 bytes more"):
        public_numbers(armour("PUBLIC KEY", bytes.fromhex(f"30{len(body) // 2 + 2:02x}{body}0500")))


def test_attributes_may_follow_a_private_key() -> None:
    inner = sequence_of_integers(0, *range(1, 9)).hex()
    body = f"020100{ALGORITHM}04{len(inner) // 2:02x}{inner}a000"
    assert private_numbers(armour("PRIVATE KEY", bytes.fromhex(f"30{len(body) // 2:02x}{body}"))) == (1, 2, 3, 4, 5)


@given(st.binary(max_size=60))
def test_no_bytes_break_the_reader(der: bytes) -> None:
    for label, read in [("PUBLIC KEY", public_numbers), ("RSA PUBLIC KEY", public_numbers), ("PRIVATE KEY", private_numbers)]:
        with pytest.raises(ValueError, match="expected"):
            read(armour(label, der))


@given(st.text(max_size=80))
def test_no_text_breaks_the_reader(text: str) -> None:
    for middle in (text, b64encode(text.encode()).decode()):
        with pytest.raises(ValueError, match="expected"):
            public_numbers(f"-----BEGIN PUBLIC KEY-----\n{middle}\n-----END PUBLIC KEY-----")


def test_an_error_shows_what_a_key_looks_like() -> None:
    for text in ("", SERVER_KEY_PEM):
        with pytest.raises(ValueError, match=r"\(-----BEGIN RSA PUBLIC KEY-----\)"):
            PublicKey.from_pem(text)
    for text in ("", SERVER_KEY.public.to_pem()):
        with pytest.raises(ValueError, match=r"\(-----BEGIN RSA PRIVATE KEY-----\)"):
            PrivateKey.from_pem(text)


def test_a_private_key_never_stands_in_an_error() -> None:
    broken = re.sub("MIIE", "MIIF", SERVER_KEY_PEM)
    with pytest.raises(ValueError, match="expected") as caught:
        PrivateKey.from_pem(broken)
    assert not any(line in str(caught.value) for line in SERVER_KEY_PEM.split("\n")[1:-2])
