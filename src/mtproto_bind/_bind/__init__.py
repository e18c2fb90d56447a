"""auth.bindTempAuthKey, both roles: what is asked, how it is verified, what an answer means."""

from __future__ import annotations

from .client import answer_of, request_of
from .server import Presented, error_of, verify_key, verify_sealed, verify_time
from .verdict import BindEvidence, BindVerdict, NextStep, Refusal, judge

__all__ = [
    "BindEvidence",
    "BindVerdict",
    "NextStep",
    "Presented",
    "Refusal",
    "answer_of",
    "error_of",
    "judge",
    "request_of",
    "verify_key",
    "verify_sealed",
    "verify_time",
]
