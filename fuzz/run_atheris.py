"""Fuzzing by atheris, which looks where an input leads: ``make fuzz SECONDS=600``.

Every target in a process of its own, one after another, for its share of the time, from what is kept in ``fuzz/corpus``. An
input that makes a target fail is kept there, and the exit code is 1. Without atheris Hypothesis takes the time instead.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

RUNS = re.compile(r"^Done (\d+) runs in (\d+) second", re.MULTILINE)
STATUS = re.compile(r"^#\d+\s+(?:INITED|NEW|REDUCE|pulse|DONE)\s+cov: (\d+) ft: (\d+) corp: (\d+)", re.MULTILINE)
LONGEST = 20_000
"""Bytes of an input."""
SLOWEST = 60
"""Seconds for one input; more are a finding."""


def one(name: str, arguments: list[str]) -> None:
    """This process fuzzes one target, and ends with it."""
    import atheris

    with atheris.instrument_imports(include=["mtproto_bind", "mtproto_bind_adapters"]):
        import targets

    atheris.Setup([sys.argv[0], *arguments], targets.TARGETS[name])
    atheris.Fuzz()


def fuzz(name: str, seconds: int, folder: Path) -> tuple[str, bool]:
    """A line of the table, and whether anything was found."""
    from targets import corpus, keep

    inputs, artifacts = folder / name / "corpus", folder / name / "found"
    inputs.mkdir(parents=True)
    artifacts.mkdir()
    for number, data in enumerate(corpus(name)):
        (inputs / f"{number}").write_bytes(data)
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={LONGEST}",
        f"-timeout={SLOWEST}",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        f"-artifact_prefix={artifacts}/",
    ]
    command = [sys.executable, __file__, "--one", name, str(inputs), *options]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    output = done.stdout + done.stderr
    for artifact in sorted(artifacts.iterdir()):
        path = keep(name, artifact.name[:24], artifact.read_bytes())
        print(f"{name}: found; the input is kept in {path}\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
    found = done.returncode != 0 or any(artifacts.iterdir())
    if done.returncode != 0 and not any(artifacts.iterdir()):
        print(f"{name}: ended with code {done.returncode}, without an input\n{output[-3000:]}")
    runs, status = RUNS.search(output), STATUS.findall(output)
    first, last = (status[0], status[-1]) if status else (("0",) * 3, ("0",) * 3)
    return f"{name:20} {runs[1] if runs else '?':>10} {first[0]:>9} {last[0]:>9} {last[2]:>7} {'FOUND' if found else '':6}", found


def main(arguments: list[str] | None = None) -> int:
    """Every target for its share of the time. 1 where anything is found."""
    from targets import TARGETS, shares

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="for all targets together")
    parser.add_argument("--target", action="append", choices=sorted(TARGETS), help="only this one (more than once: these)")
    given = parser.parse_args(arguments)
    names = given.target or list(TARGETS)
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed (there is no wheel for this Python, perhaps): Hypothesis takes the time instead")
        import run_hypothesis

        return run_hypothesis.main(["--seconds", str(given.seconds), *(word for name in names for word in ("--target", name))])
    print(f"{'target':20} {'runs':>10} {'cov then':>9} {'cov now':>9} {'inputs':>7}")
    anything = False
    with tempfile.TemporaryDirectory() as folder:
        for name, share in shares(names, given.seconds).items():
            line, found = fuzz(name, max(1, int(share)), Path(folder))
            anything = anything or found
            print(line, flush=True)
    return 1 if anything else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(main())
