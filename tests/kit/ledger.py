"""Which tests hold which rule: the ledger.

A test holds a ``Check`` if it stands in one of the places below and names it, in its text or as its parameter; a ``Conduct``
is held by the tests that are listed here.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from mtproto_bind import Check, Conduct

ROOT = Path(__file__).parent.parent.parent
SOURCES = ROOT / "src" / "mtproto_bind"

HOLDING = (
    "tests/testing/hostile/test_server_breaches.py",
    "tests/testing/hostile/test_client_breaches.py",
    "tests/handshake/",
    "tests/wire/",
    "tests/tl/",
    "tests/crypto/",
    "tests/bind/",
    "tests/session/",
    "tests/connection/",
)
"""Where a test that names a check breaks that rule and sees it enforced."""

HELD: Mapping[Conduct, tuple[str, ...]] = {
    Conduct.RSA_PAD_FRESH: ("tests/crypto/test_padding.py::test_vectors", "tests/handshake/test_client.py"),
    Conduct.INNER_DATA_DC: ("tests/handshake/test_client.py::test_the_inner_data_names_the_data_centre_and_the_lifetime",),
    Conduct.G_B_REDRAWN: ("tests/handshake/test_client.py::test_a_weak_share_of_our_own_is_not_sent_but_drawn_again",),
    Conduct.B_FRESH: ("tests/ledger/test_conduct.py::test_every_exponent_is_drawn_for_its_try",),
    Conduct.RETRY_ID: ("tests/connection/test_full_run.py::test_client_permanent_key_with_a_retry",),
    Conduct.AUTH_KEY_WIDTH: ("tests/crypto/test_auth_key.py::test_a_key_with_leading_zeros_keeps_them",),
    Conduct.NONCE_BYTES: ("tests/crypto/test_kdf.py::test_temporary_keys",),
    Conduct.SERVER_TIME_LAST: ("tests/ledger/test_conduct.py::test_a_forged_answer_does_not_move_the_clock",),
    Conduct.CLIENT_CONSTANT_TIME: ("tests/ledger/test_conduct.py::test_secrets_are_compared_through_one_helper",),
    Conduct.BIND_FRESH: ("tests/ledger/test_conduct.py::test_every_binding_has_everything_of_its_own",),
    Conduct.NO_PERMANENT_TRAFFIC: ("tests/ledger/test_conduct.py::test_nothing_is_ever_sent_under_the_permanent_key",),
    Conduct.TRANSPORT_ERRORS_UNPROVEN: (
        "tests/keys/test_recovery.py::test_an_error_that_anyone_can_send_costs_a_temporary_key_at_most",
    ),
    Conduct.PERMANENT_KEY_KEPT: (
        "tests/bind/test_verdict.py::test_what_a_permanent_key_is_suspected_on",
        "tests/connection/client/test_binding.py::test_an_old_key_is_replaced_only_at_the_owners_word",
    ),
    Conduct.ENTROPY_ONLY: (
        "tests/architecture/test_imports.py::test_core_touches_nothing_outside",
        "tests/connection/test_full_run.py::test_client_temporary_key_and_binding",
    ),
    Conduct.SECRETS_HIDDEN: (
        "tests/architecture/test_secrets.py::test_nothing_shows_a_secret_from_the_first_byte_to_a_renewal",
        "tests/architecture/test_secrets.py::test_nothing_shows_a_secret_where_the_key_is_elsewhere",
        "tests/ledger/test_conduct.py::test_what_is_spent_is_forgotten",
    ),
    Conduct.MSG_IDS_GROW: ("tests/session/test_ids.py::test_ids_grow_and_keep_their_remainder_whatever_the_clock_does",),
    Conduct.SALTS_APART: ("tests/ledger/test_conduct.py::test_every_key_has_its_own_salt",),
    Conduct.EXPIRES_ON_SERVER_CLOCK: (
        "tests/connection/client/test_refusals.py::test_a_clock_that_is_wrong_by_a_day_binds_on_the_first_try",
        "tests/connection/client/test_sealed.py::test_nothing_leaves_under_an_expired_key",
    ),
    Conduct.SERVER_NONCE_FRESH: ("tests/ledger/test_conduct.py::test_every_handshake_has_its_own_task_and_nonce",),
    Conduct.UNIFORM_REFUSAL: ("tests/ledger/test_conduct.py::test_every_failed_request_is_answered_alike",),
    Conduct.EXPIRES_IN_CLAMPED: ("tests/ledger/test_conduct.py::test_no_temporary_key_outlives_the_ceiling",),
    Conduct.A_FRESH: (
        "tests/ledger/test_conduct.py::test_every_exponent_is_drawn_for_its_try",
        "tests/handshake/test_server.py::test_a_weak_share_of_our_own_is_not_sent_but_drawn_again",
        "tests/test_config.py::test_what_a_server_is_not_told",
    ),
    Conduct.REPEATED_ANSWER: (
        "tests/connection/server/test_exchange.py::test_the_same_request_gets_the_same_answer_whatever_follows_it",
    ),
    Conduct.KEY_COLLISION: (
        "tests/connection/server/test_exchange.py::test_a_key_id_that_is_taken_asks_for_another_share",
        "tests/connection/server/test_exchange.py::test_a_key_id_of_the_cache_is_taken_without_asking",
        "tests/handshake/test_server.py",
    ),
    Conduct.TEMPORARY_KEYS_END: ("tests/connection/server/test_endpoint.py::test_an_expired_key_is_forgotten_with_its_sessions",),
    Conduct.EFFECTS_LAST: ("tests/connection/server/test_sealed.py", "tests/ledger/test_conduct.py::test_all_or_nothing"),
    Conduct.BIND_UNIFORM: (
        "tests/bind/test_server.py::test_the_peer_is_told_the_same_for_every_fault_of_the_sealed_part",
        "tests/connection/server/test_binding.py::test_bound_again_is_bound",
    ),
    Conduct.REBIND_ATOMIC: ("tests/connection/server/test_binding.py::test_a_new_binding_frees_the_old_key_at_once",),
    Conduct.NEW_SESSION: ("tests/ledger/test_conduct.py::test_a_session_is_announced_and_kept_apart",),
    Conduct.QUEUES_BOUNDED: (
        "tests/connection/server/test_sessions.py",
        "tests/connection/server/test_server.py::test_updates_do_not_pile_up",
    ),
    Conduct.DESTROY_KEY: (
        "tests/connection/server/test_destruction.py::test_a_key_ends_with_what_is_bound_to_it_and_all_sessions",
        "tests/adapters/stores/test_every_store.py::test_a_key_is_destroyed_with_what_is_bound_to_it",
    ),
}
"""A file, or a test in it."""

LATER: Mapping[Conduct, str] = {}
"""What is not delivered yet, and why."""


def plain_environment(**more: str) -> dict[str, str]:
    """For a pytest of its own: asserts count there, also where the suite runs without them."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONOPTIMIZE"} | more


@cache
def collected() -> tuple[str, ...]:
    """Every test of the suite, as pytest names it."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(command, cwd=ROOT, env=plain_environment(), capture_output=True, text=True, check=True)
    return tuple(line for line in done.stdout.splitlines() if "::" in line)


def holding(check: Check) -> tuple[str, ...]:
    """The tests that break ``check``."""
    parameter = re.compile(rf"\[(?:.*\b)?{check.name}\b")
    return tuple(
        each
        for each in collected()
        if each.startswith(HOLDING) and (parameter.search(each) or each.partition("[")[0] in _naming(check))
    )


@cache
def _naming(check: Check) -> frozenset[str]:
    """The test functions whose text names ``check``."""
    word = re.compile(rf"\b{check.name}\b")
    return frozenset(name for name, text in _texts() if word.search(text))


@cache
def _texts() -> tuple[tuple[str, str], ...]:
    """Every test function of the files that hold checks, with its text and that of the tables of its file."""
    found = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        place = path.relative_to(ROOT).as_posix()
        if place.startswith(HOLDING):
            source = path.read_text(encoding="utf-8")
            nodes = ast.parse(source).body
            functions = [node for node in nodes if isinstance(node, ast.FunctionDef) and node.name.startswith("test")]
            assigned = [node for node in nodes if isinstance(node, ast.Assign | ast.AnnAssign)]
            tables = "\n".join(ast.get_source_segment(source, node) or "" for node in assigned)
            found += [(f"{place}::{each.name}", f"{ast.get_source_segment(source, each)}\n{tables}") for each in functions]
    return tuple(found)
