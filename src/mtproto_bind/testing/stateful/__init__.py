"""Tests of somebody else's client or server, by Hypothesis: ``pip install "mtproto-bind[testing]"``.

Subclass :class:`ClientMachineTest` or :class:`ServerMachineTest`, say how your machine is driven (bytes in, bytes out), and give
pytest its ``TestCase``. What is found is shrunk to the shortest row of steps that leads there.
"""

from __future__ import annotations

from .clients import ClientMachineTest
from .servers import ServerMachineTest

__all__ = ["ClientMachineTest", "ServerMachineTest"]
