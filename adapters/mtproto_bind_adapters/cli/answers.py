"""The few API answers that real clients want before they call themselves connected.

Written by hand: this package has no API schema, and needs no more of one.
"""

from __future__ import annotations

import struct

__all__ = ["GET_CONFIG", "GET_NEAREST_DC", "GET_USERS", "config", "nearest_dc"]

# help.getConfig#c4f9186b = Config
GET_CONFIG = struct.pack("<I", 0xC4F9186B)
# help.getNearestDc#1fb33026 = NearestDc
GET_NEAREST_DC = struct.pack("<I", 0x1FB33026)
# users.getUsers#0d91a548 id:Vector<InputUser> = Vector<User>
GET_USERS = struct.pack("<I", 0x0D91A548)

BOOL_TRUE, BOOL_FALSE = 0x997275B5, 0xBC799737
VECTOR = 0x1CB5C415
HOUR = 3600


def string(text: str) -> bytes:
    """TL ``string`` of fewer than 254 bytes: https://core.telegram.org/mtproto/serialize."""
    value = text.encode()
    if len(value) > 253:
        raise ValueError(f"a short string has at most 253 bytes, not {len(value)}")
    return bytes([len(value)]) + value + bytes(-(len(value) + 1) % 4)


def nearest_dc(dc: int) -> bytes:
    """``nearestDc#8e1a1775 country:string this_dc:int nearest_dc:int = NearestDc``."""
    return struct.pack("<I", 0x8E1A1775) + string("XX") + struct.pack("<ii", dc, dc)


def dc_option(dc: int, host: str, port: int) -> bytes:
    """``dcOption#18b7a10d flags:# (all absent) id:int ip_address:string port:int = DcOption``."""
    ipv6 = 1 if ":" in host else 0
    return struct.pack("<IIi", 0x18B7A10D, ipv6, dc) + string(host) + struct.pack("<i", port)


def config(*, now: int, dc: int, test: bool, host: str, port: int) -> bytes:
    """``config#cc1a241e``, the one of layers 158 and later, with no optional field.

    ::

        config#cc1a241e flags:# date:int expires:int test_mode:Bool this_dc:int dc_options:Vector<DcOption>
          dc_txt_domain_name:string chat_size_max:int megagroup_size_max:int forwarded_count_max:int
          online_update_period_ms:int offline_blur_timeout_ms:int offline_idle_timeout_ms:int online_cloud_timeout_ms:int
          notify_cloud_delay_ms:int notify_default_delay_ms:int push_chat_period_ms:int push_chat_limit:int
          edit_time_limit:int revoke_time_limit:int revoke_pm_time_limit:int rating_e_decay:int stickers_recent_limit:int
          channels_read_media_period:int call_receive_timeout_ms:int call_ring_timeout_ms:int call_connect_timeout_ms:int
          call_packet_timeout_ms:int me_url_prefix:string caption_length_max:int message_length_max:int webfile_dc_id:int
          = Config

    ``host`` and ``port`` are where a client is told to dial ``dc``. Raises ``ValueError`` for a host of more than 253 bytes.
    """
    head = struct.pack("<IIiiIi", 0xCC1A241E, 0, now, now + HOUR, BOOL_TRUE if test else BOOL_FALSE, dc)
    options = struct.pack("<Ii", VECTOR, 1) + dc_option(dc, host, port)
    groups = struct.pack("<iii", 200, 200_000, 100)
    presence = struct.pack("<iiii", 210_000, 5_000, 30_000, 300_000)
    notices = struct.pack("<iiii", 30_000, 1_500, 60_000, 2)
    edits = struct.pack("<iii", 172_800, 2**31 - 1, 2**31 - 1)
    media = struct.pack("<iii", 2_419_200, 200, 604_800)
    voice = struct.pack("<iiii", 20_000, 90_000, 30_000, 10_000)
    tail = struct.pack("<iii", 1024, 4096, dc)
    return head + options + string("") + groups + presence + notices + edits + media + voice + string("https://t.me/") + tail
