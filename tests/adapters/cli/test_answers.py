"""The hand-written API answers have the ids and the fields of their TL lines."""

from __future__ import annotations

import re
import struct
import zlib

import pytest

from mtproto_bind_adapters.cli.answers import GET_CONFIG, GET_NEAREST_DC, GET_USERS, config, nearest_dc, string

# The optional fields belong to the line from which the id is made, though our answer has none of them.
CONFIG = (
    "config flags:# date:int expires:int test_mode:Bool this_dc:int dc_options:Vector DcOption dc_txt_domain_name:string "
    "chat_size_max:int megagroup_size_max:int forwarded_count_max:int online_update_period_ms:int "
    "offline_blur_timeout_ms:int offline_idle_timeout_ms:int online_cloud_timeout_ms:int notify_cloud_delay_ms:int "
    "notify_default_delay_ms:int push_chat_period_ms:int push_chat_limit:int edit_time_limit:int revoke_time_limit:int "
    "revoke_pm_time_limit:int rating_e_decay:int stickers_recent_limit:int channels_read_media_period:int "
    "tmp_sessions:flags.0?int call_receive_timeout_ms:int call_ring_timeout_ms:int call_connect_timeout_ms:int "
    "call_packet_timeout_ms:int me_url_prefix:string autoupdate_url_prefix:flags.7?string "
    "gif_search_username:flags.9?string venue_search_username:flags.10?string img_search_username:flags.11?string "
    "static_maps_provider:flags.12?string caption_length_max:int message_length_max:int webfile_dc_id:int "
    "suggested_lang_code:flags.2?string lang_pack_version:flags.2?int base_lang_pack_version:flags.2?int "
    "reactions_default:flags.15?Reaction autologin_token:flags.16?string = Config"
)
DC_OPTION = "dcOption flags:# id:int ip_address:string port:int secret:flags.10?string = DcOption"
NEAREST_DC = "nearestDc country:string this_dc:int nearest_dc:int = NearestDc"


def id_of(line: str) -> bytes:
    """A constructor id, little-endian, by the rule that makes it."""
    return struct.pack("<I", zlib.crc32(line.encode()))


class Reader:
    """Reads TL by its line, without a schema."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def take(self, size: int) -> bytes:
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def integer(self) -> int:
        return int.from_bytes(self.take(4), "little", signed=True)

    def text(self) -> str:
        size = self.take(1)[0]
        value = self.take(size)
        self.take(-(1 + size) % 4)
        return value.decode()

    def fields(self, line: str) -> dict[str, object]:
        """The mandatory fields of an object."""
        found: dict[str, object] = {}
        for name, kind in re.findall(r" (\w+):(\S+)", line):
            if kind in {"int", "#"}:
                found[name] = self.integer()
            elif kind == "string":
                found[name] = self.text()
            elif kind == "Bool":
                found[name] = self.take(4)
            elif kind == "Vector":
                assert self.take(4).hex() == "15c4b51c"
                found[name] = [self.boxed(DC_OPTION) for _ in range(self.integer())]
        return found

    def boxed(self, line: str) -> dict[str, object]:
        assert self.take(4) == id_of(line)
        return self.fields(line)


def test_methods_are_known_by_their_ids() -> None:
    assert id_of("help.getConfig = Config") == GET_CONFIG
    assert id_of("help.getNearestDc = NearestDc") == GET_NEAREST_DC
    assert id_of("users.getUsers id:Vector InputUser = Vector User") == GET_USERS


@pytest.mark.parametrize(("test", "flag"), [(False, "379779bc"), (True, "b5757299")])
def test_config_holds_every_mandatory_field(test: bool, flag: str) -> None:
    reader = Reader(config(now=1_800_000_000, dc=4, test=test, host="127.0.0.1", port=8443))
    values = reader.boxed(CONFIG)
    assert reader.data == b""
    assert values["flags"] == 0
    assert values["date"] == 1_800_000_000
    assert values["test_mode"] == bytes.fromhex(flag)
    assert values["this_dc"] == values["webfile_dc_id"] == 4
    assert values["dc_options"] == [{"flags": 0, "id": 4, "ip_address": "127.0.0.1", "port": 8443}]
    assert values["me_url_prefix"] == "https://t.me/"
    assert values["message_length_max"] == 4096


def test_config_says_that_an_address_is_one_of_ipv6() -> None:
    values = Reader(config(now=1, dc=2, test=False, host="::1", port=1)).boxed(CONFIG)
    assert values["dc_options"] == [{"flags": 1, "id": 2, "ip_address": "::1", "port": 1}]


def test_nearest_dc_is_this_one() -> None:
    reader = Reader(nearest_dc(7))
    assert reader.boxed(NEAREST_DC) == {"country": "XX", "this_dc": 7, "nearest_dc": 7}
    assert reader.data == b""


@pytest.mark.parametrize("size", range(9))
def test_strings_fill_whole_words(size: int) -> None:
    data = string("x" * size)
    assert len(data) % 4 == 0
    assert Reader(data).text() == "x" * size


def test_a_long_string_is_refused() -> None:
    assert len(string("x" * 253)) == 256
    with pytest.raises(ValueError, match="at most 253 bytes, not 254"):
        string("x" * 254)
