"""A redacted transcript shows nothing that is secret, or that is anybody's own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from attrs import evolve

from kit.keys import SERVER_KEY
from kit.recorded import PAYLOAD, recorded_pair, transcripts_of, whole_story
from mtproto_bind import (
    AuthKey,
    BindingRequired,
    DataCenter,
    ExternalKey,
    Framing,
    InitConnection,
    KeyBound,
    PermanentKey,
    Question,
    Secret,
    Transport,
    default_crypto,
    seal_binding,
)
from mtproto_bind.testing import Owner, SeededEntropy, Step, Transcript, describe, redact
from mtproto_bind.testing.values import encode

KEY = AuthKey(bytes(range(256)))
PERSONAL = "somebody's own device"
API = InitConnection(layer=225, api_id=123456789, device_model=PERSONAL, lang_code="tlh")
PROXY = bytes(range(100, 116))
SALT_SECRET = bytes(range(200, 232))
STORIES = {
    "plain": whole_story(),
    "hidden": whole_story(
        client={"api": API},
        server={"salt_secret": Secret(SALT_SECRET), "share_handshakes": True},
        transport=Transport(Framing.PADDED, obfuscated=True),
    ),
}
RECORDED = [
    pytest.param(each, id=f"{name} {each.role.value}") for name, story in STORIES.items() for each in transcripts_of(story)
]


def traces(secret: bytes) -> Iterator[str]:
    """What would be seen of ``secret``, whole or in part, in either notation."""
    for start in {0, len(secret) // 2, len(secret) - 8}:
        yield secret[start : start + 8].hex()
    for order in ("little", "big"):
        yield str(int.from_bytes(secret, order))[:17]  # type: ignore[arg-type]  # both are orders


def strings(shape: Any, name: str) -> Iterator[str]:
    """Every string of hexadecimal digits under that name, anywhere in ``shape``."""
    if isinstance(shape, dict):
        for key, inner in shape.items():
            if key == name and isinstance(inner, str):
                yield inner
            yield from strings(inner, name)
    elif isinstance(shape, list):
        for each in shape:
            yield from strings(each, name)


def secrets_of(transcript: Transcript) -> set[bytes]:
    """All bytes of 8 or more that went in or came out or were drawn, and the parts of the messages in the clear."""
    found = {SALT_SECRET, PAYLOAD, KEY.reveal(), PERSONAL.encode(), b"123456789"}
    found |= {number.to_bytes(256, "big").lstrip(b"\0") for number in (SERVER_KEY.d, SERVER_KEY.p, SERVER_KEY.q)}
    for step in transcript.steps:
        shapes = [step.takes, step.gives]
        found |= {bytes.fromhex(digits) for name in ("key", "secret", "bytes") for digits in strings(shapes, name)}
        found |= {bytes.fromhex(digits) for digits in step.draws}
    return {each for each in found if len(each) >= 8}


@pytest.mark.parametrize("recorded", RECORDED)
def test_no_secret_is_left(recorded: Transcript) -> None:
    secrets = secrets_of(recorded)
    assert len(secrets) > 30
    for text in (redact(recorded).to_text(), describe(recorded)):
        assert not [trace for secret in secrets for trace in traces(secret) if trace in text]
        assert PERSONAL not in text
        assert "123456789" not in text
        # no run of digits is longer than an id of a message, a fingerprint or pq
        assert max(map(len, re.findall(r"[0-9a-f]{17,}", re.sub(r"\d+\.\d+", "", text))), default=0) <= 20


@pytest.mark.parametrize("recorded", RECORDED)
def test_the_original_holds_them(recorded: Transcript) -> None:
    """The test before tests nothing otherwise."""
    text = recorded.to_text()
    assert sum(secret.hex() in text for secret in secrets_of(recorded)) > 30


def test_the_secret_of_a_proxy() -> None:
    recorded = transcripts_of(STORIES["plain"])[0]
    opened = Step(do="transport_opened", takes={"transport": encode(Transport(obfuscated=True, secret=PROXY))})
    text = redact(evolve(recorded, steps=(opened,))).to_text()
    assert PROXY.hex() not in text
    assert '"secret": "<secret 1, 16 bytes>"' in text


@pytest.mark.parametrize("recorded", RECORDED)
def test_what_stays(recorded: Transcript) -> None:
    shown = redact(recorded)
    assert shown.redacted
    assert [(step.do, step.stream, step.now) for step in shown.steps] == [
        (step.do, step.stream, step.now) for step in recorded.steps
    ]
    assert [len(step.draws) for step in shown.steps] == [len(step.draws) for step in recorded.steps]
    assert redact(shown) is shown
    assert Transcript.from_text(shown.to_text()) == shown


def test_labels_say_what_agrees() -> None:
    text = describe(transcripts_of(STORIES["plain"])[0])
    assert text.count("nonce=<nonce 1>") == 6
    # the id that messages come under is that of the key that was bound
    bound = re.search(r"KeyBound key_id=(<[\w ]+>)", text)
    assert bound is not None
    assert f"under {bound[1]}" in text


def test_a_key_elsewhere_and_a_vault() -> None:
    owner = Owner()
    pair = recorded_pair(owner=owner)
    pair.run_until(KeyBound)
    [key] = [record.key for record in owner.keys.values() if record.bound_to is None]

    def vault(question: Question[Any]) -> Any:
        assert isinstance(question, BindingRequired)
        return seal_binding(question.request, key, entropy=SeededEntropy(b"vault"), crypto=default_crypto())

    split = recorded_pair(owner=owner, client={"permanent_key": ExternalKey(id=key.id)}, answer_client=vault)
    split.run_until(KeyBound)
    for recorded in transcripts_of(split):
        text = redact(recorded).to_text()
        assert f"{key.id:016x}" not in text
        assert str(key.id) not in text
        assert key.id.to_bytes(8, "little").hex() not in text


def test_errors_of_the_api_stay_and_other_texts_go() -> None:
    recorded = transcripts_of(STORIES["plain"])[1]
    said = [
        Step(do="send_error", stream=1, takes={"code": 400, "message": text, "call": {"class": "x"}})
        for text in ("PEER_ID_INVALID", "no such user: " + PERSONAL)
    ]
    shown = redact(evolve(recorded, steps=(*recorded.steps, *said))).steps[-2:]
    assert shown[0].takes["message"] == "PEER_ID_INVALID"
    assert shown[1].takes["message"] == "<message 1>"


def test_settings_stay_but_for_what_is_secret() -> None:
    pair = recorded_pair(client={"dc": DataCenter(4), "permanent_key": PermanentKey(key=KEY, created_at=7.5)})
    config = redact(transcripts_of(pair)[0]).steps[0].takes["config"]
    assert config["dc"]["id"] == 4
    assert config["limits"]["frame"] > 0
    assert config["temporary_lifetime"] == 86400
    assert config["permanent_key"] == {"class": "PermanentKey", "key": "<auth_key 1>", "created_at": 7.5, "last_bound_at": None}
    assert json.dumps(config["server_keys"]) == '[{"class": "PublicKey", "n": "<n 1>", "e": "<e 1>"}]'


STRANGE: list[dict[str, Any]] = [
    {"do": "transport_opened", "takes": {"transport": {"class": "Limits"}}},
    {"do": "transport_opened", "takes": {"transport": {"bytes": "x"}}},
    {"do": "transport_opened", "takes": {}},
    {"do": "receive_data", "takes": {"data": {"bytes": "zz"}}},
    {"do": "receive_data", "takes": {"data": {"key": "00"}}},
    {"do": "receive_data", "takes": {"data": "text"}},
    {"do": "receive_data", "takes": {"data": {"bytes": "0102"}}},
    {"do": "data_to_send", "gives": {"raises": "KeyError"}},
    {"do": "next_event", "gives": [{"key": "zz"}, {"secret": "zz"}, {"float": "inf"}, [], {}]},
    {"do": "next_event", "gives": {"key": KEY.reveal().hex(), "more": 1}},
]


@pytest.mark.parametrize("strange", STRANGE, ids=str)
def test_what_is_not_from_us_is_hidden_too(strange: dict[str, Any]) -> None:
    recorded = transcripts_of(STORIES["plain"])[0]
    shown = redact(evolve(recorded, steps=(recorded.steps[0], Step(**strange)))).to_text()
    assert "text" not in shown
    assert "zz" not in shown
    assert "0102" not in shown
    assert KEY.reveal()[:8].hex() not in shown
    assert describe(evolve(recorded, steps=(recorded.steps[0], Step(**strange))))
