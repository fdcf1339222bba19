# SPDX-License-Identifier: ISC
"""The host's programs and files, for tests of the daemon's surroundings."""
import os
import shutil
import subprocess
import unittest

import lib

NOBODY = 65534
root_only = unittest.skipUnless(os.getuid() == 0, "needs root")


def needs(*programs):
    missing = [p for p in programs if not shutil.which(p)]
    return unittest.skipIf(missing, f"needs {' '.join(missing)}")


def run(*argv, seconds=60, **more):
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=seconds * lib.SLOW, check=False, **more)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def write(path, text, mode=0o644):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)
    return path
