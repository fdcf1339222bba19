# SPDX-License-Identifier: ISC
"""The official MCP suite against the daemon, through a proxy that adds a key."""
import os
import sys
import unittest

import lib
import mcpclient

sys.path.insert(0, os.path.join(lib.HERE, "..", "conformance"))
import proxy  # noqa: E402
import suite  # noqa: E402

MODULES = os.environ.get("SLACKMCP_MODULES")


@unittest.skipUnless(MODULES, "SLACKMCP_MODULES is not set (contrib/runtests does)")
class Conformance(lib.Suite):
    @classmethod
    def begin(cls):
        cls.slack = cls.fake()
        cls.d = cls.daemon(cls.slack).start()
        mcpclient.install(cls.d)
        key = cls.d.key_add("suite", "--workspaces", "*", "--role", "read")
        cls.proxy = proxy.Proxy(cls.d.port, key)

    @classmethod
    def tearDownClass(cls):
        cls.proxy.close()
        super().tearDownClass()


def add(row):
    def test(self):
        url = f"http://127.0.0.1:{self.proxy.port}/mcp"
        self.assertIsNone(suite.run(MODULES, url, row))
    name = f"test_{row[0]}_{row[1]}".replace("-", "_")
    setattr(Conformance, name, test)


for each in suite.RUNS:
    add(each)

if __name__ == "__main__":
    unittest.main()
