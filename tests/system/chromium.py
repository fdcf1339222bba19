# SPDX-License-Identifier: ISC
"""Debian's Chromium without a window, over the pipe of its DevTools protocol: it
ends by itself when the pipe does, so nothing of it outlives the tests.  It reaches
loopback alone and keeps all it writes in a folder that is removed."""
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import lib

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
    "--remote-debugging-pipe", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--disable-default-apps", "--disable-breakpad", "--no-default-browser-check",
    "--no-proxy-server", "--hide-scrollbars", "--ignore-certificate-errors",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1")
# Of what it finds about a page; the rest is of speed and of cookies to come.
ISSUES = ("ContentSecurityPolicyIssue", "MixedContentIssue", "QuirksModeIssue")
# The pipe is descriptors 3 and 4; here they may be taken.
LAUNCH = ("import os, sys; r, w = (os.dup2(int(a), 10 + i) for i, a in "
          "enumerate(sys.argv[1:3])); os.dup2(r, 3); os.dup2(w, 4); "
          "os.execvp(sys.argv[3], sys.argv[3:])")


class Chromium:
    """One browser; each page has cookies and a cache of its own, unless it is
    opened beside another."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="smd-chromium-", dir="/tmp")
        self.cond, self.answers, self.pages = threading.Condition(), {}, {}
        self.ids, self.dead, self.proc = 0, False, None
        try:
            self.begin()
        except BaseException:
            self.close()
            raise

    def begin(self):
        read, out = os.pipe()
        back, self.out = os.pipe()
        self.out, out = out, self.out
        self.back = os.fdopen(back, "rb", 0)
        env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": self.dir,
               "TMPDIR": self.dir, "LANG": "C.UTF-8", "TZ": "UTC"}
        with open(os.path.join(self.dir, "log"), "wb") as log:
            self.proc = subprocess.Popen(
                [sys.executable, "-c", LAUNCH, str(read), str(out), "chromium", *FLAGS,
                 f"--user-data-dir={self.dir}/profile", "about:blank"],
                pass_fds=(read, out), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=env, cwd=self.dir, start_new_session=True)
        os.close(read)
        os.close(out)
        threading.Thread(target=self.read, daemon=True).start()
        self.version = self.call("Browser.getVersion", seconds=60)["product"]

    def read(self):
        data = b""
        while chunk := self.back.read(1 << 20):
            *whole, data = (data + chunk).split(b"\0")
            with self.cond:
                for text in whole:
                    self.take(json.loads(text))
                self.cond.notify_all()
        with self.cond:
            self.dead = True
            self.cond.notify_all()

    def take(self, m):
        if "id" in m:
            self.answers[m["id"]] = m
        elif m.get("sessionId") in self.pages:
            self.pages[m["sessionId"]].event(m["method"], m["params"])

    def wait(self, what, fn, seconds):
        """The first true value of fn(), looked at whenever something came."""
        end = time.monotonic() + seconds * lib.SLOW
        with self.cond:
            while not (value := fn()):
                left = end - time.monotonic()
                if left <= 0 or self.dead:
                    raise AssertionError(f"Chromium: {what}: " + (
                        f"it has ended\n{self.log()}" if self.dead
                        else f"not within {seconds * lib.SLOW:.0f} s"))
                self.cond.wait(left)
            return value

    def call(self, method, session=None, seconds=30, **params):
        with self.cond:
            self.ids += 1
            n = self.ids
        m = {"id": n, "method": method, "params": params}
        if session:
            m["sessionId"] = session
        data = json.dumps(m).encode() + b"\0"
        while data:
            data = data[os.write(self.out, data):]
        self.wait(method, lambda: n in self.answers, seconds)
        answer = self.answers.pop(n)
        if "error" in answer:
            raise AssertionError(f"Chromium: {method}: {answer['error']}")
        return answer["result"]

    def page(self, beside=None, **look):
        context = beside.context if beside else self.call(
            "Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank",
                           browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target,
                            flatten=True)["sessionId"]
        page = Page(self, context, target, session)
        with self.cond:
            self.pages[session] = page
        return page.begin(**look)

    def log(self):
        with open(os.path.join(self.dir, "log"), encoding="utf-8",
                  errors="replace") as f:
            return f.read()[-3000:]

    def close(self):
        if self.proc:
            os.close(self.out)
            try:
                self.proc.wait(20 * lib.SLOW)
            except subprocess.TimeoutExpired:
                pass
            for pid in [self.proc.pid, *lib.of_session(self.proc.pid)]:
                try:
                    os.kill(pid, 9)
                except ProcessLookupError:
                    pass
            self.proc.wait(20)
            lib.wait_until("Chromium's processes have gone",
                           lambda: not lib.of_session(self.proc.pid))
            self.back.close()
            self.proc = None
        shutil.rmtree(self.dir, ignore_errors=True)


class Page:
    def __init__(self, browser, context, target, session):
        self.browser, self.context, self.target = browser, context, target
        self.session = session
        self.loaded = set()         # loader ids
        self.frame = None
        self.asked, self.answers = [], []   # requests; main documents' answers
        self.problems = []

    def begin(self, width=1000, height=800, dark=False):
        for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)
        self.look(width, height, dark)
        return self

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def look(self, width=1000, height=800, dark=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 500)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        return self

    def event(self, method, p):
        """In the reader's thread: keep what tests ask for."""
        if method == "Page.lifecycleEvent" and p["name"] == "load":
            self.loaded.add(p["loaderId"])
        elif method == "Network.requestWillBeSent":
            self.asked.append((p["request"]["method"], p["request"]["url"]))
        elif method == "Network.responseReceived" and p["type"] == "Document":
            self.answers.append(p["response"])
        elif method == "Runtime.exceptionThrown":
            self.problems.append(("exception", p["exceptionDetails"]["text"]))
        elif method == "Runtime.consoleAPICalled" and p["type"] != "log":
            self.problems.append(("console", str(p["args"])))
        elif method == "Log.entryAdded" and p["entry"]["level"] != "info" and \
                not p["entry"]["text"].startswith("Failed to load resource: the server"):
            self.problems.append((p["entry"]["source"], p["entry"]["text"]))
        elif method == "Audits.issueAdded" and p["issue"]["code"] in ISSUES:
            self.problems.append(("issue", json.dumps(p["issue"])))

    def goto(self, url):
        """Loads it and waits; the status of the page that came in the end."""
        got = self.call("Page.navigate", url=url)
        if "errorText" in got:
            raise AssertionError(f"{url}: {got['errorText']}")
        self.frame = got["frameId"]
        self.browser.wait(f"{url} is loaded",
                          lambda: got["loaderId"] in self.loaded, 30)
        return self.status

    def follow(self, script):
        """The script leads to another page: waits for that."""
        before = len(self.loaded)
        self.js(script)
        self.browser.wait(f"{script} leads on", lambda: len(self.loaded) > before, 30)
        return self.status

    def reload(self):
        before = len(self.loaded)
        self.call("Page.reload")
        self.browser.wait("the reload", lambda: len(self.loaded) > before, 30)
        return self.status

    @property
    def status(self):
        return self.answers[-1]["status"]

    def header(self, name):
        heads = {k.lower(): v for k, v in self.answers[-1]["headers"].items()}
        return heads.get(name.lower())

    def js(self, script):
        """The value of an expression, awaited when it is a promise."""
        got = self.call("Runtime.evaluate", expression=script, awaitPromise=True,
                        returnByValue=True, userGesture=True)
        if "exceptionDetails" in got:
            raise AssertionError(f"{script}: {got['exceptionDetails']}")
        return got["result"].get("value")

    def text(self):
        return self.js("document.body.innerText")

    def cookies(self):
        return self.call("Network.getCookies")["cookies"]

    def shot(self, path):
        """The whole page as a PNG."""
        data = self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        with open(path, "wb") as f:
            f.write(base64.b64decode(data))
