"""Runs pytest in Pyodide with the arguments given, and ends with its exit code."""

from __future__ import annotations

import sys

import pytest


async def main() -> int:
    return int(pytest.main(sys.argv[1:]))
