"""Entropy that can be foreseen: scripted, which pins every draw, and seeded, which never ends."""

from __future__ import annotations

import hashlib

import pytest

from mtproto_bind._crypto import Over, default_crypto
from mtproto_bind.testing.entropy import ScriptedEntropy, SeededEntropy


def test_a_script_gives_what_stands_in_it() -> None:
    entropy = ScriptedEntropy([b"abc", b"", b"d"])
    assert [entropy(3), entropy(0), entropy(1)] == [b"abc", b"", b"d"]
    entropy.finish()


def test_a_script_fails_where_another_size_or_one_more_draw_is_asked_for() -> None:
    entropy = ScriptedEntropy(iter([b"abc", b"d"]))
    entropy(3)
    for size in (0, 2):
        with pytest.raises(AssertionError, match=f"draw 2 is of {size} bytes, the script has 1"):
            entropy(size)
    with pytest.raises(AssertionError, match="1 draws are left after 1"):
        entropy.finish()
    # a refused draw is not lost
    assert entropy(1) == b"d"
    with pytest.raises(AssertionError, match="draw 3 of 16 bytes is one too many"):
        entropy(16)
    entropy.finish()


def test_a_seed_gives_one_stream_however_it_is_cut() -> None:
    stream = b"".join(hashlib.sha256(b"seed" + counter.to_bytes(8, "big")).digest() for counter in range(4))
    assert SeededEntropy(b"seed")(128) == stream
    entropy = SeededEntropy(b"seed")
    assert b"".join(entropy(size) for size in (1, 0, 31, 33, 63)) == stream
    assert SeededEntropy(b"other")(32) != stream[:32]


def test_a_seed_is_stretched_by_the_crypto_that_is_given() -> None:
    class Upwards(Over):
        def sha256(self, data: bytes) -> bytes:
            return data

    assert SeededEntropy(b"seed", Upwards(default_crypto()))(24) == b"seed" + bytes(8) + b"seed" + bytes(7) + b"\x01"
