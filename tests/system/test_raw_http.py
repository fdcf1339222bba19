# SPDX-License-Identifier: ISC
"""Bytes as they should not be, and some as they may: what is answered, whether
the connection stays, and that nobody else notices.  One table, over plain HTTP,
over TLS, and behind the nginx and the HAProxy of contrib/."""
import json
import os
import socket
import ssl
import struct
import unittest

import front
import lib
from test_proxy import haproxy, nginx
from test_tls import certificate
from mcpclient import trusting

MAX_BODY, MAX_HEADER, LINE = 64 << 10, 16 << 10, 8192
INIT = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
    "protocolVersion": "2025-11-25", "capabilities": {},
    "clientInfo": {"name": "t", "version": "1"}}}).encode()
# must never be taken for a request
HIDDEN = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
H = b"Host: localhost\r\n"
GET = b"GET /health HTTP/1.1\r\n" + H
AUTH = b"Authorization: Bearer %KEY%\r\n"
MCP = b"POST /mcp HTTP/1.1\r\n" + H + AUTH
JSON = b"Content-Type: application/json\r\n"
POST = MCP + JSON
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"
CLOSE = b"Connection: close\r\n"
EXPECT = b"Expect: 100-continue\r\n"


def sized(body, n=None):
    return b"Content-Length: %d\r\n\r\n" % (len(body) if n is None else n) + body


def chunk(body, size=None, end=b"\r\n"):
    return (b"%x" % len(body) if size is None else size) + b"\r\n" + body + end


def chunks(*parts, last=b"0\r\n", trailer=b"\r\n"):
    return b"\r\n" + b"".join(parts) + last + trailer


def head_of(n):
    """A good request whose head has n bytes."""
    left = n - len(GET) - len(b"X: \r\n\r\n")
    return GET + b"X: " + b"a" * left + b"\r\n\r\n"


def line_of(n):
    """The same with a request line of n bytes, CRLF included."""
    return b"GET /" + b"a" * (n - len(b"GET / HTTP/1.1\r\n")) + b" HTTP/1.1\r\n" + H + b"\r\n"


def padded(n):
    return INIT + b" " * (n - len(INIT))


STAYS, ENDS = True, False
HALF, RESET = "half", "reset"   # what the client does when all is sent
DIRECT = "direct"               # a proxy would not let this through, or waits

# what it is, bytes, statuses, does the connection stay, more
ROWS = [
    # -- two lengths, or none that can be believed
    ("CL and TE", POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" +
     chunks() + HIDDEN, "400", ENDS),
    ("TE and CL", CHUNKED + b"Content-Length: 500\r\n" + chunks() + HIDDEN, "400", ENDS),
    ("TE and CL 0", CHUNKED + b"Content-Length: 0\r\n" + chunks() + HIDDEN, "400", ENDS),
    ("two CL that differ", POST + b"Content-Length: 0\r\n" + sized(HIDDEN), "400", ENDS),
    ("two CL that agree", POST + b"Content-Length: %d\r\n" % len(INIT) + sized(INIT),
     "400", ENDS),
    ("CL list", POST + b"Content-Length: 4, 4\r\n\r\nabcd" + HIDDEN, "400", ENDS),
    ("CL list that differs", POST + b"Content-Length: 0, 4\r\n\r\n" + HIDDEN, "400", ENDS),
    ("CL and a comma", POST + b"Content-Length: 4,\r\n\r\nabcd", "400", ENDS),
    ("CL +4", POST + b"Content-Length: +4\r\n\r\nabcd" + HIDDEN, "400", ENDS),
    ("CL -4", POST + b"Content-Length: -4\r\n\r\n" + HIDDEN, "400", ENDS),
    ("CL 0x4", POST + b"Content-Length: 0x4\r\n\r\nabcd" + HIDDEN, "400", ENDS),
    ("CL 4 4", POST + b"Content-Length: 4 4\r\n\r\nabcd", "400", ENDS),
    ("CL 4.0", POST + b"Content-Length: 4.0\r\n\r\nabcd", "400", ENDS),
    ("CL 1e1", POST + b"Content-Length: 1e1\r\n\r\nabcdefghij", "400", ENDS),
    ("CL 4;x", POST + b"Content-Length: 4;x\r\n\r\nabcd", "400", ENDS),
    ("CL empty", POST + b"Content-Length:\r\n\r\nabcd", "400", ENDS),
    ("CL in other digits", POST + "Content-Length: ٤\r\n\r\nabcd".encode(), "400", ENDS),
    ("CL quoted", POST + b'Content-Length: "4"\r\n\r\nabcd', "400", ENDS),
    ("CL 2^64 + 4", POST + b"Content-Length: 18446744073709551620\r\n\r\nabcd" + HIDDEN,
     "413", ENDS),
    ("CL without end", POST + b"Content-Length: " + b"9" * 400 + b"\r\n\r\n", "413", ENDS),
    ("CL 2^63", POST + b"Content-Length: 9223372036854775808\r\n\r\nabcd", "413", ENDS),
    ("CL with zeros before", POST + b"Content-Length: %06d\r\n\r\n" % len(INIT) + INIT,
     "200", STAYS),
    ("CL between blanks", POST + b"Content-Length: \t %d \t\r\n\r\n" % len(INIT) + INIT,
     "200", STAYS),
    ("CL, blank before the colon", POST + b"Content-Length : 4\r\n\r\nabcd" + HIDDEN,
     "400", ENDS),
    ("CL with underscore", POST + b"Content_Length: 5\r\n" + sized(INIT), "200", STAYS),
    ("CL behind a CR", POST + b"X: a\rContent-Length: 4\r\n\r\nabcd" + HIDDEN, "400", ENDS),
    ("CL behind a LF", POST + b"X: a\nContent-Length: 4\r\n\r\nabcd" + HIDDEN, "400", ENDS),
    ("CL behind a NUL", POST + b"X: a\0Content-Length: 4\r\n\r\nabcd" + HIDDEN, "400", ENDS),
    ("CL in Connection", POST + b"Connection: Content-Length\r\n" + sized(INIT),
     "200", STAYS),
    ("no length, a body", POST + b"\r\n" + HIDDEN.replace(b"smuggled", b"nowhere"),
     "400 404", STAYS),
    # -- transfer codings
    ("TE gzip", POST + b"Transfer-Encoding: gzip\r\n\r\n" + HIDDEN, "501", ENDS),
    ("TE gzip, chunked", POST + b"Transfer-Encoding: gzip, chunked\r\n" + chunks() + HIDDEN,
     "501", ENDS),
    ("TE chunked, gzip", POST + b"Transfer-Encoding: chunked, gzip\r\n" + chunks(),
     "400", ENDS),
    ("TE chunked, chunked", POST + b"Transfer-Encoding: chunked, chunked\r\n" + chunks(),
     "400", ENDS),
    ("TE identity", POST + b"Transfer-Encoding: identity\r\n\r\n" + HIDDEN, "501", ENDS),
    ("TE identity and CL", POST + b"Transfer-Encoding: identity\r\n" + sized(INIT),
     "501", ENDS),
    ("TE xchunked", POST + b"Transfer-Encoding: xchunked\r\n" + chunks() + HIDDEN,
     "501", ENDS),
    ("TE chunkedx", POST + b"Transfer-Encoding: chunkedx\r\n" + chunks(), "501", ENDS),
    ("TE chunked;q=1", POST + b"Transfer-Encoding: chunked;q=1\r\n" + chunks(), "501", ENDS),
    ("TE quoted", POST + b'Transfer-Encoding: "chunked"\r\n' + chunks(), "501", ENDS),
    ("TE behind a VT", POST + b"Transfer-Encoding: \x0bchunked\r\n" + chunks() + HIDDEN,
     "400", ENDS),
    ("TE before a NUL", POST + b"Transfer-Encoding: chunked\0\r\n" + chunks(), "400", ENDS),
    ("TE empty", POST + b"Transfer-Encoding:\r\n" + chunks(), "400", ENDS),
    ("TE and a comma", POST + b"Transfer-Encoding: chunked,\r\n" + chunks(), "400", ENDS),
    ("two TE", CHUNKED + b"Transfer-Encoding: chunked\r\n" + chunks(), "400", ENDS),
    ("two TE, one identity", CHUNKED + b"Transfer-Encoding: identity\r\n" + chunks(),
     "400", ENDS),
    ("TE, blank before the colon", POST + b"Transfer-Encoding : chunked\r\n" + chunks(),
     "400", ENDS),
    ("TE folded", POST + b"Transfer-Encoding:\r\n chunked\r\n" + chunks(), "400", ENDS),
    ("TE behind a LF", POST + b"X: a\nTransfer-Encoding: chunked\r\n" + chunks(), "400", ENDS),
    ("TE with underscore", POST + b"Transfer_Encoding: chunked\r\n" + sized(INIT),
     "200", STAYS),
    ("TE in HTTP/1.0", CHUNKED.replace(b"1.1", b"1.0") + chunks() + HIDDEN, "400", ENDS),
    ("TE in capitals", POST + b"TRANSFER-ENCODING: ChunKed \r\n" + chunks(chunk(INIT)),
     "200", STAYS),
    # -- chunks
    ("chunks", CHUNKED + chunks(chunk(INIT[:7]), chunk(INIT[7:])), "200", STAYS),
    ("chunks of one byte", CHUNKED + chunks(*(chunk(bytes([c])) for c in INIT)),
     "200", STAYS),
    ("chunk size in capitals, zeros before", CHUNKED + chunks(
        chunk(padded(0xAB), b"00AB")), "200", STAYS),
    ("last chunk 000", CHUNKED + chunks(chunk(INIT), last=b"000\r\n"), "200", STAYS),
    ("chunk extension", CHUNKED + chunks(chunk(INIT, b"%x;a=b;c=\"d e\"" % len(INIT)),
                                         last=b"0;z\r\n"), "200", STAYS),
    ("chunk extension too long", CHUNKED + chunks(chunk(
        INIT, b"%x;" % len(INIT) + b"a" * 5000)), "400", ENDS),
    ("chunk extension with a LF", CHUNKED + b"\r\n3;\nabc\r\n0\r\n\r\n" + HIDDEN, "400", ENDS),
    ("chunk extension with a NUL", CHUNKED + b"\r\n3;\0\r\nabc\r\n0\r\n\r\n", "400", ENDS),
    ("chunk size +3", CHUNKED + chunks(chunk(b"abc", b"+3")), "400", ENDS),
    ("chunk size -3", CHUNKED + chunks(chunk(b"abc", b"-3")), "400", ENDS),
    ("chunk size 0x3", CHUNKED + chunks(chunk(b"abc", b"0x3")), "400", ENDS),
    ("chunk size 3 and a blank", CHUNKED + chunks(chunk(b"abc", b"3 ")), "400", ENDS),
    ("chunk size behind a blank", CHUNKED + chunks(chunk(b"abc", b" 3")), "400", ENDS),
    ("chunk size g", CHUNKED + chunks(chunk(b"abc", b"g")), "400", ENDS),
    ("chunk size empty", CHUNKED + chunks(chunk(b"abc", b"")), "400", ENDS),
    ("chunk size of 17 digits", CHUNKED + chunks(chunk(b"abc", b"0" * 16 + b"3")),
     "400", ENDS),
    ("chunk size 2^64 - 1", CHUNKED + chunks(chunk(HIDDEN, b"f" * 16)), "413", ENDS),
    ("chunk size with a LF", CHUNKED + b"\r\n3\nabc\r\n0\r\n\r\n" + HIDDEN, "400", ENDS),
    ("chunk size with a CR", CHUNKED + b"\r\n3\rabc\r\n0\r\n\r\n", "400", ENDS),
    ("chunk longer than said", CHUNKED + chunks(chunk(b"abcd", b"3")), "400", ENDS),
    ("chunk shorter than said", CHUNKED + chunks(chunk(b"abc", b"6")), "400", ENDS),
    ("chunk ends with a LF", CHUNKED + chunks(chunk(b"abc", end=b"\n")), "400", ENDS),
    ("chunk without an end", CHUNKED + chunks(chunk(b"abc", end=b"")), "400", ENDS),
    ("trailers", CHUNKED + chunks(chunk(INIT), trailer=b"X: 1\r\nY:\r\n\r\n"), "200", STAYS),
    ("trailers that would change all", CHUNKED + chunks(chunk(INIT), trailer=
        b"Content-Length: 90\r\nTransfer-Encoding: gzip\r\nHost: b\r\n"
        b"Connection: close\r\n\r\n"), "200", STAYS),
    ("trailer without a colon", CHUNKED + chunks(chunk(INIT), trailer=b"X\r\n\r\n"),
     "400", ENDS),
    ("trailer folded", CHUNKED + chunks(chunk(INIT), trailer=b"X: a\r\n b\r\n\r\n"),
     "400", ENDS),
    ("trailer, blank before the colon", CHUNKED + chunks(
        chunk(INIT), trailer=b"X : a\r\n\r\n"), "400", ENDS),
    ("trailer with a LF", CHUNKED + chunks(chunk(INIT), trailer=b"X: a\n\r\n"), "400", ENDS),
    ("trailers end with a LF", CHUNKED + chunks(chunk(INIT), trailer=b"\n"), "400", ENDS),
    ("trailers too large", CHUNKED + chunks(chunk(INIT), trailer=(
        b"X: " + b"a" * 200 + b"\r\n") * 45), "431", ENDS),
    # -- what ends lines, and fields
    ("LF alone", b"GET /health HTTP/1.1\nHost: a\n\n", "400", ENDS),
    ("LF alone in the end", GET + b"\n", "400", ENDS),
    ("LF alone behind a field", GET + b"X: a\n\r\n", "400", ENDS),
    ("CR alone", b"GET /health HTTP/1.1\rHost: a\r\r", "", ENDS, HALF, DIRECT),
    ("CR in a value", GET + b"X: a\rb\r\n\r\n", "400", ENDS),
    ("CR CR LF", GET + b"X: a\r\r\n\r\n", "400", ENDS),
    ("CR in the request line", b"GET /health\r HTTP/1.1\r\n" + H + b"\r\n", "400", ENDS),
    ("folded by a blank", GET + b"X: a\r\n b\r\n\r\n", "400", ENDS),
    ("folded by a tab", GET + b"X: a\r\n\tb\r\n\r\n", "400", ENDS),
    ("the first field is folded", b"GET /health HTTP/1.1\r\n X: a\r\n" + H + b"\r\n",
     "400", ENDS),
    ("NUL in a value", GET + b"X: a\0b\r\n\r\n", "400", ENDS),
    ("NUL in a name", GET + b"X\0: a\r\n\r\n", "400", ENDS),
    ("NUL in the target", b"GET /health\0 HTTP/1.1\r\n" + H + b"\r\n", "400", ENDS),
    ("NUL in the method", b"G\0T /health HTTP/1.1\r\n" + H + b"\r\n", "400", ENDS),
    ("NUL first", b"\0" + GET + b"\r\n", "400", ENDS),
    ("blank before the colon", GET + b"X : a\r\n\r\n", "400", ENDS),
    ("tab before the colon", GET + b"X\t: a\r\n\r\n", "400", ENDS),
    ("no name", GET + b": a\r\n\r\n", "400", ENDS),
    ("no colon", GET + b"X\r\n\r\n", "400", ENDS),
    ("name in brackets", GET + b"(X): a\r\n\r\n", "400", ENDS),
    ("name of 8 bits", GET + b"X\xe4: a\r\n\r\n", "400", ENDS),
    ("control in a value", GET + b"X: a\x01\r\n\r\n", "400", ENDS),
    ("DEL in a value", GET + b"X: a\x7f\r\n\r\n", "400", ENDS),
    ("value of 8 bits", GET + b"X: \xe4\xff\x80\r\n\r\n", "200", STAYS),
    ("value empty, of blanks, between tabs", GET + b"X:\r\nY:   \r\nZ:\ta\t\r\n\r\n",
     "200", STAYS),
    ("empty line first", b"\r\n" + GET + b"\r\n", "200", STAYS),
    ("two empty lines first", b"\r\n\r\n" + GET + b"\r\n", "400", ENDS),
    # -- sizes: at the limit and beyond
    ("99 more fields", GET + b"X: a\r\n" * 99 + b"\r\n", "200", STAYS),
    ("100 more fields", GET + b"X: a\r\n" * 100 + b"\r\n", "431", ENDS),
    ("request line at its limit", line_of(LINE), "404", STAYS),
    ("request line beyond it", line_of(LINE + 1), "414", ENDS),
    ("request line without end", b"GET /" + b"a" * 2 * LINE, "414", ENDS),
    ("method without end", b"G" * 2 * LINE, "414", ENDS),
    ("query at the limit", b"GET /health?" + b"q" * (LINE - 23) + b" HTTP/1.1\r\n" + H +
     b"\r\n", "200", STAYS),
    ("head below its limit", head_of(MAX_HEADER - 1), "200", STAYS),
    ("head at its limit", head_of(MAX_HEADER), "200", STAYS),
    ("head beyond it", head_of(MAX_HEADER + 1), "431", ENDS),
    ("field without end", GET + b"X: " + b"a" * 2 * MAX_HEADER, "431", ENDS),
    ("name without end", GET + b"x" * 2 * MAX_HEADER, "431", ENDS),
    ("body below its limit", POST + sized(padded(MAX_BODY - 1)), "200", STAYS),
    ("body at its limit", POST + sized(padded(MAX_BODY)), "200", STAYS),
    ("body beyond it", POST + sized(padded(MAX_BODY + 1)), "413", ENDS),
    ("chunks at the limit", CHUNKED + chunks(chunk(padded(MAX_BODY - 9)), chunk(b" " * 9)),
     "200", STAYS),
    ("chunks beyond it", CHUNKED + chunks(chunk(padded(MAX_BODY - 9)), chunk(b" " * 10)),
     "413", ENDS),
    ("one chunk beyond it", CHUNKED + chunks(chunk(padded(MAX_BODY + 1))), "413", ENDS),
    ("body that is not wanted", b"POST /nowhere HTTP/1.1\r\n" + H + sized(b"x" * 60000),
     "404", STAYS),
    ("body that is not wanted, and large", b"POST /nowhere HTTP/1.1\r\n" + H +
     sized(b"x" * 70000), "404", ENDS),
    ("chunks that are not wanted, and many", b"POST /nowhere HTTP/1.1\r\n" + H +
     b"Transfer-Encoding: chunked\r\n" + chunks(*[chunk(b"x" * 7000)] * 10), "404", ENDS),
    # -- bodies where none is looked for
    ("GET with a body", GET + sized(HIDDEN), "200", STAYS),
    ("GET with chunks", GET + b"Transfer-Encoding: chunked\r\n" + chunks(chunk(HIDDEN)),
     "200", STAYS),
    ("HEAD with a body", GET.replace(b"GET", b"HEAD") + sized(HIDDEN), "200-", STAYS),
    ("OPTIONS with a body", b"OPTIONS / HTTP/1.1\r\n" + H + sized(HIDDEN), "204", STAYS),
    ("DELETE with a body", b"DELETE /mcp HTTP/1.1\r\n" + H + AUTH + sized(HIDDEN),
     "400", STAYS),
    ("no key, a body", b"POST /mcp HTTP/1.1\r\n" + H + JSON + sized(HIDDEN), "401", STAYS),
    ("no key, chunks", b"POST /mcp HTTP/1.1\r\n" + H + JSON +
     b"Transfer-Encoding: chunked\r\n" + chunks(chunk(HIDDEN)), "401", STAYS),
    ("no such page, a body", b"POST /nowhere HTTP/1.1\r\n" + H + sized(HIDDEN), "404", STAYS),
    ("no such page, bad chunks", b"POST /nowhere HTTP/1.1\r\n" + H +
     b"Transfer-Encoding: chunked\r\n\r\nx" + HIDDEN, "404", ENDS),
    ("wrong type, a body", MCP + b"Content-Type: text/plain\r\n" + sized(HIDDEN),
     "415", STAYS),
    # -- methods
    ("HEAD", GET.replace(b"GET", b"HEAD") + b"\r\n", "200-", STAYS),
    ("get", GET.replace(b"GET", b"get") + b"\r\n", "405", STAYS),
    ("PUT", GET.replace(b"GET", b"PUT") + b"\r\n", "405", STAYS),
    ("PATCH without a page", b"PATCH /nowhere HTTP/1.1\r\n" + H + b"\r\n", "404", STAYS),
    ("TRACE", b"TRACE /health HTTP/1.1\r\n" + H + b"\r\n", "405", STAYS),
    ("CONNECT", b"CONNECT localhost:443 HTTP/1.1\r\n" + H + b"\r\n", "400", ENDS),
    ("BREW", b"BREW /health HTTP/1.1\r\n" + H + b"\r\n", "405", STAYS),
    ("a method of signs", b"!#$%&'*+-.^_`|~ /health HTTP/1.1\r\n" + H + b"\r\n",
     "405", STAYS),
    ("a method with a bracket", b"G(T /health HTTP/1.1\r\n" + H + b"\r\n", "400", ENDS),
    ("a method of 8 bits", b"G\xc3\x9cT /health HTTP/1.1\r\n" + H + b"\r\n", "400", ENDS),
    ("no method", b" /health HTTP/1.1\r\n" + H + b"\r\n", "400", ENDS),
    ("GET of /mcp", MCP.replace(b"POST", b"GET") + b"\r\n", "405", STAYS),
    # -- versions
    ("HTTP/1.0", b"GET /health HTTP/1.0\r\n\r\n", "200", ENDS),
    ("HTTP/1.0, keep-alive", b"GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" +
     HIDDEN, "200", ENDS),
    ("HTTP/1.2", b"GET /health HTTP/1.2\r\n" + H + b"\r\n", "505", ENDS),
    ("HTTP/2.0", b"GET /health HTTP/2.0\r\n" + H + b"\r\n", "505", ENDS),
    ("HTTP/0.9 with its name", b"GET /health HTTP/0.9\r\n\r\n", "505", ENDS),
    ("HTTP/0.9", b"GET /health\r\n\r\n", "400", ENDS, DIRECT),
    ("HTTP/1", b"GET /health HTTP/1\r\n" + H + b"\r\n", "400", ENDS),
    ("HTTP/1.10", b"GET /health HTTP/1.10\r\n" + H + b"\r\n", "400", ENDS),
    ("HTTP/01.1", b"GET /health HTTP/01.1\r\n" + H + b"\r\n", "400", ENDS),
    ("http/1.1", b"GET /health http/1.1\r\n" + H + b"\r\n", "400", ENDS),
    ("HTTPS/1.1", b"GET /health HTTPS/1.1\r\n" + H + b"\r\n", "400", ENDS),
    ("a blank behind the version", b"GET /health HTTP/1.1 \r\n" + H + b"\r\n", "400", ENDS),
    ("two blanks", b"GET  /health HTTP/1.1\r\n" + H + b"\r\n", "400", ENDS),
    ("a tab", b"GET\t/health HTTP/1.1\r\n" + H + b"\r\n", "400", ENDS),
    ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505", ENDS, DIRECT),
    ("h2c by Upgrade", GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
     b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n", "200", STAYS),
    ("a websocket", GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
     b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
     "200", STAYS),
    # -- targets
    ("absolute", b"GET http://localhost/health HTTP/1.1\r\n" + H + b"\r\n", "200", STAYS),
    ("absolute, another host", b"GET http://evil.example:99/health HTTP/1.1\r\n" + H +
     b"\r\n", "200", STAYS),
    ("absolute without Host", b"GET http://localhost/health HTTP/1.1\r\n\r\n", "400", ENDS),
    ("absolute with a user", b"GET http://u:p@localhost/health HTTP/1.1\r\n" + H + b"\r\n",
     "400", ENDS),
    ("absolute, no host", b"GET http:///health HTTP/1.1\r\n" + H + b"\r\n", "400", ENDS),
    ("absolute, bad port", b"GET http://localhost:x/health HTTP/1.1\r\n" + H + b"\r\n",
     "400", ENDS),
    ("absolute, ftp", b"GET ftp://localhost/health HTTP/1.1\r\n" + H + b"\r\n", "400", ENDS),
    ("absolute, file", b"GET file:///etc/passwd HTTP/1.1\r\n" + H + b"\r\n", "400", ENDS),
    ("an authority", b"GET localhost:80 HTTP/1.1\r\n" + H + b"\r\n", "400", ENDS),
    ("GET *", b"GET * HTTP/1.1\r\n" + H + b"\r\n", "400", ENDS),
    ("OPTIONS *", b"OPTIONS * HTTP/1.1\r\n" + H + b"\r\n", "204", STAYS),
    ("no slash", b"GET health HTTP/1.1\r\n" + H + b"\r\n", "400", ENDS),
    ("no target", b"GET  HTTP/1.1\r\n" + H + b"\r\n", "400", ENDS),
    ("a blank in the target", b"GET /hea lth HTTP/1.1\r\n" + H + b"\r\n", "400", ENDS),
    ("a fragment", b"GET /health#x HTTP/1.1\r\n" + H + b"\r\n", "400", ENDS),
    ("a target of 8 bits", b"GET /h\xc3\xa4lth HTTP/1.1\r\n" + H + b"\r\n", "400", ENDS),
    ("up and away", b"GET /../../etc/passwd HTTP/1.1\r\n" + H + b"\r\n", "404", STAYS),
    ("up, hidden", b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n" + H + b"\r\n", "404", STAYS),
    ("through another", b"GET /nowhere/../health HTTP/1.1\r\n" + H + b"\r\n", "404", STAYS),
    ("percent-encoded letters", b"GET /%68ealth HTTP/1.1\r\n" + H + b"\r\n", "404", STAYS),
    ("percent-encoded slash", b"GET /slack%2finstall HTTP/1.1\r\n" + H + b"\r\n",
     "404", STAYS),
    ("percent-encoded NUL", b"GET /health%00 HTTP/1.1\r\n" + H + b"\r\n", "404", STAYS),
    ("percent-encoded CRLF", b"GET /a%0d%0aX:%20y HTTP/1.1\r\n" + H + b"\r\n", "404", STAYS),
    ("percent, broken", b"GET /%zz%2 HTTP/1.1\r\n" + H + b"\r\n", "404", STAYS),
    ("two slashes first", b"GET //health HTTP/1.1\r\n" + H + b"\r\n", "404", STAYS),
    ("a slash behind", b"GET /health/ HTTP/1.1\r\n" + H + b"\r\n", "200", STAYS),
    ("a semicolon", b"GET /health;x=y HTTP/1.1\r\n" + H + b"\r\n", "404", STAYS),
    ("signs in the query", b"GET /health?a=%00&b=%zz&\"<>|{}[]\\^`=1 HTTP/1.1\r\n" + H +
     b"\r\n", "200", STAYS),
    # -- Host
    ("no Host", b"GET /health HTTP/1.1\r\n\r\n", "400", ENDS),
    ("two Host that agree", GET + H + b"\r\n", "400", ENDS),
    ("two Host that differ", GET + b"Host: evil\r\n\r\n", "400", ENDS),
    ("two Host in HTTP/1.0", GET.replace(b"1.1", b"1.0") + b"Host: b\r\n\r\n", "400", ENDS),
    ("Host empty", b"GET /health HTTP/1.1\r\nHost:\r\n\r\n", "400", ENDS),
    ("Host list", b"GET /health HTTP/1.1\r\nHost: a, b\r\n\r\n", "400", ENDS),
    ("Host with a blank", b"GET /health HTTP/1.1\r\nHost: a b\r\n\r\n", "400", ENDS),
    ("Host with a path", b"GET /health HTTP/1.1\r\nHost: a/b\r\n\r\n", "400", ENDS),
    ("Host with a user", b"GET /health HTTP/1.1\r\nHost: u@a\r\n\r\n", "400", ENDS),
    ("Host with a bad port", b"GET /health HTTP/1.1\r\nHost: a:8x\r\n\r\n", "400", ENDS),
    ("Host in open brackets", b"GET /health HTTP/1.1\r\nHost: [::1\r\n\r\n", "400", ENDS),
    ("Host with a NUL", b"GET /health HTTP/1.1\r\nHost: a\0b\r\n\r\n", "400", ENDS),
    ("Host is IPv6", b"GET /health HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "200", STAYS),
    ("Host with underscore", b"GET /health HTTP/1.1\r\nHost: up_stream\r\n\r\n",
     "200", STAYS),
    ("Host, blank before the colon", b"GET /health HTTP/1.1\r\nHost : a\r\n\r\n",
     "400", ENDS),
    # -- types
    ("no type", MCP + sized(INIT), "415", STAYS),
    ("curl's type", MCP + b"Content-Type: application/x-www-form-urlencoded\r\n" +
     sized(INIT), "415", STAYS),
    ("type with a charset", MCP + b"Content-Type: application/json; charset=utf-8\r\n" +
     sized(INIT), "200", STAYS),
    ("type in capitals", MCP + b"Content-Type: APPLICATION/JSON;Charset=UTF-8\r\n" +
     sized(INIT), "200", STAYS),
    ("type that begins alike", MCP + b"Content-Type: application/jsonx\r\n" + sized(INIT),
     "415", STAYS),
    ("type +json", MCP + b"Content-Type: application/x+json\r\n" + sized(INIT),
     "415", STAYS),
    ("two types", POST + b"Content-Type: text/plain\r\n" + sized(INIT), "415", STAYS),
    ("a list of types", MCP + b"Content-Type: text/plain, application/json\r\n" +
     sized(INIT), "415", STAYS),
    ("accepts only html", POST + b"Accept: text/html\r\n" + sized(INIT), "406", STAYS),
    ("accepts a stream", POST + b"Accept: text/event-stream\r\n" + sized(INIT),
     "200", STAYS),
    # -- Expect
    ("Expect", POST + EXPECT + b"Content-Length: %d\r\n\r\n" % len(INIT), "100 200", STAYS,
     INIT),
    ("Expect, the body is here", POST + EXPECT + sized(INIT), "200", STAYS),
    ("Expect, chunks", CHUNKED + EXPECT + b"\r\n", "100 200", STAYS,
     chunks(chunk(INIT))[2:]),
    ("Expect, no key", b"POST /mcp HTTP/1.1\r\n" + H + JSON + EXPECT + sized(b"", 99),
     "401", ENDS),
    ("Expect, no key, the body is here", b"POST /mcp HTTP/1.1\r\n" + H + JSON + EXPECT +
     sized(HIDDEN), "401", STAYS),
    ("Expect, too large", POST + EXPECT + sized(b"", MAX_BODY + 1), "413", ENDS),
    ("Expect, no body", POST + EXPECT + sized(b""), "400", STAYS),
    ("Expect a miracle", GET + b"Expect: a-miracle\r\n\r\n", "417", ENDS),
    ("Expect and more", POST + b"Expect: 100-continue, x\r\n" + sized(INIT), "417", ENDS),
    ("Expect in HTTP/1.0", b"POST /mcp HTTP/1.0\r\n" + AUTH + JSON + EXPECT + sized(INIT),
     "200", ENDS),
    # -- one after the other
    ("three at once", (GET + b"\r\n") * 3, "200 200 200", STAYS),
    ("a hundred at once", (GET + b"\r\n") * 100, "200 " * 100, STAYS),
    ("POST, GET, POST", POST + sized(INIT) + GET + b"\r\n" + POST + sized(INIT),
     "200 200 200", STAYS),
    ("HEAD, GET", GET.replace(b"GET", b"HEAD") + b"\r\n" + GET + b"\r\n", "200- 200", STAYS),
    ("no such page between", GET + b"\r\nGET /nowhere HTTP/1.1\r\n" + H + b"\r\n" + GET +
     b"\r\n", "200 404 200", STAYS),
    ("no key between", GET + b"\r\nPOST /mcp HTTP/1.1\r\n" + H + sized(INIT) + GET + b"\r\n",
     "200 401 200", STAYS),
    ("a mistake between", GET + b"\r\nGET /health HTTP/1.1\r\n\r\n" + HIDDEN,
     "200 400", ENDS),
    ("two CL between", GET + b"\r\n" + POST + b"Content-Length: 0\r\n" + sized(HIDDEN) +
     HIDDEN, "200 400", ENDS),
    ("a close between", GET + b"\r\n" + GET + CLOSE + b"\r\n" + HIDDEN, "200 200", ENDS),
    ("a close in a list", GET + b"Connection: x , Close\r\n\r\n" + HIDDEN, "200", ENDS),
    ("keep-alive and close", GET + b"Connection: keep-alive\r\n" + CLOSE + b"\r\n" + HIDDEN,
     "200", ENDS),
    ("an empty line between", GET + b"\r\n\r\n" + GET + b"\r\n", "200 200", STAYS),
    ("chunks, then more", CHUNKED + chunks(chunk(INIT)) + GET + b"\r\n", "200 200", STAYS),
    ("garbage behind", GET + b"\r\n\x01\x02\x03", "200 400", ENDS),
    # -- other protocols
    ("garbage", bytes(range(255, 127, -1)) * 4, "400", ENDS),
    ("TLS 1.2", bytes.fromhex("16030102000100 01fc0303") + b"r" * 503, "400", ENDS,
     "plain"),
    ("SSL 2", bytes.fromhex("802e0103010015000000100100800300800700c0060040020080") +
     b"r" * 22, "400", ENDS),
    ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "400", ENDS),
    ("SMTP", b"EHLO localhost\r\nMAIL FROM:<a@b>\r\n\r\n", "400", ENDS),
    ("SOCKS", b"\x05\x01\x00", "400", ENDS, DIRECT),
    ("SIP", b"OPTIONS sip:a@b SIP/2.0\r\nVia: x\r\n\r\n", "400", ENDS),
    ("RTSP", b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", "400", ENDS),
    ("PROXY 1", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + GET + b"\r\n", "400", ENDS),
    ("PROXY 2", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + b"\x7f\0\0\1" * 3 + GET + b"\r\n",
     "400", ENDS),
    ("FastCGI", b"\1\1\0\1\0\x08\0\0\0\1\0\0\0\0\0\0", "400", ENDS, DIRECT),
    # -- clients that leave
    ("half-closed", GET + b"\r\n", "200", ENDS, HALF),
    ("half-closed behind POST", POST + sized(INIT), "200", ENDS, HALF, DIRECT),
    ("half-closed behind two", (GET + b"\r\n") * 2, "200 200", ENDS, HALF, DIRECT),
    ("half-closed in the line", b"GET /hea", "", ENDS, HALF),
    ("half-closed in the head", GET, "", ENDS, HALF),
    ("half-closed in the body", POST + sized(b"{", 99), "", ENDS, HALF),
    ("half-closed in a chunk", CHUNKED + b"\r\n9\r\n{", "", ENDS, HALF),
    ("half-closed behind an empty line", b"\r\n", "", ENDS, HALF),
    ("nothing at all", b"", "", ENDS, HALF),
    ("reset in the head", GET, "", ENDS, RESET),
    ("reset in the body", POST + sized(b"{", 99), "", ENDS, RESET),
    ("reset in a chunk", CHUNKED + b"\r\n9\r\n{", "", ENDS, RESET),
    ("reset behind the request", GET + b"\r\n", "", ENDS, RESET),
    ("reset behind many", (POST + sized(INIT)) * 20, "", ENDS, RESET),
    ("reset at once", b"", "", ENDS, RESET),
]


class Row:
    def __init__(self, name, data, want, stays, *more):
        self.name, self.data, self.stays = name, data, stays
        self.want = want.split()
        self.then = next((m for m in more if isinstance(m, bytes)), None)
        self.leave = next((m for m in more if m in (HALF, RESET)), None)
        self.only = next((m for m in more if m in (DIRECT, "plain")), None)


class Quiet(AssertionError):
    """Neither more nor an end."""


class Wire:
    """A connection, byte by byte ours; answers are taken off it one by one."""

    def __init__(self, port, ctx=None):
        self.seconds = 20 * lib.SLOW
        self.s = socket.create_connection(("127.0.0.1", port), self.seconds)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if ctx:
            self.s = ctx.wrap_socket(self.s, server_hostname="localhost")
        self.data, self.ended, self.cut = b"", False, False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.s.close()

    def send(self, data):
        """A refusal may come, and the end, before all is sent."""
        try:
            self.s.sendall(data)
        except OSError:
            pass

    def half_close(self):
        """TLS is told nothing of it: its own goodbye would be another case."""
        try:
            with socket.socket(fileno=os.dup(self.s.fileno())) as same:
                same.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def reset(self):
        self.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.s.close()

    def more(self):
        """False at the end, which may be a reset."""
        if self.ended:
            return False
        try:
            got = self.s.recv(65536)
        except TimeoutError:
            raise Quiet(f"behind {self.data[-300:]!r}") from None
        except ssl.SSLError:        # an alert
            got = b""
        except OSError:
            got, self.cut = b"", True
        self.data += got
        self.ended = not got
        return not self.ended

    def answer(self, body=True):
        """(status, fields, body); None at the end."""
        while b"\r\n\r\n" not in self.data:
            if not self.more():
                assert not self.data, f"half an answer: {self.data!r}"
                return None
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        assert first.startswith("HTTP/1.") and first[9:12].isdigit(), f"no answer: {first!r}"
        fields = {n.lower(): v for n, _, v in (ln.partition(": ") for ln in lines)}
        status = int(first[9:12])
        if not body or status < 200 or status in (204, 304):
            return status, fields, b""
        return status, fields, self.body(fields)

    def body(self, fields):
        if fields.get("transfer-encoding") == "chunked":
            out = b""
            while (n := int(self.take(b"\r\n"), 16)) > 0:
                out += self.take(n)
                self.take(b"\r\n")
            self.take(b"\r\n")
            return out
        if "content-length" in fields:
            return self.take(int(fields["content-length"]))
        while self.more():
            pass
        out, self.data = self.data, b""
        return out

    def take(self, what):
        """So many bytes, or what is before those."""
        def there():
            return len(self.data) >= what if isinstance(what, int) else what in self.data
        while not there():
            assert self.more(), f"half a body: {self.data[:200]!r}"
        if isinstance(what, int):
            out, self.data = self.data[:what], self.data[what:]
        else:
            out, _, self.data = self.data.partition(what)
        return out


class Table:
    """Runs ROWS against self.port; self.ctx is the TLS of the client."""
    ctx = None
    kind = "plain"

    @classmethod
    def begin(cls):
        cls.d = cls.make()

    @classmethod
    def make(cls):
        return cls.daemon(env=cls.limits()).start()

    @classmethod
    def limits(cls):
        """What ends here ends for its bytes, not for its time."""
        return {"MAX_BODY": str(MAX_BODY), "MAX_HEADER": str(MAX_HEADER),
                "LOG_LEVEL": "info", "HEADER_TIMEOUT": "1h", "BODY_TIMEOUT": "1h",
                "IDLE_TIMEOUT": "1h", "REQUEST_TIMEOUT": "1h"}

    @property
    def port(self):
        return self.d.port

    def wire(self):
        return Wire(self.port, self.ctx)

    def rows(self):
        rows = [Row(*r) for r in ROWS]
        self.assertGreaterEqual(len(rows), 200)
        self.assertEqual(len({r.name for r in rows}), len(rows))
        return [r for r in rows if r.only in (None, DIRECT, self.kind)]

    def counted(self, name):
        return next(int(r["value"]) for r in self.d.ctl_json("show", "info")
                    if r["name"] == name)

    def normal(self, w):
        """Requests as anybody's, with answers that cannot be another's."""
        w.send(GET + b"\r\n")
        status, _, body = w.answer() or (None, None, b"")
        self.assertEqual((status, b"uptime_s" in body), (200, True), body)
        return 1

    def begun(self, row, w):
        w.send(row.data.replace(b"%KEY%", self.d.key.encode()))
        if row.leave == HALF:
            w.half_close()
        elif row.leave == RESET:
            w.reset()

    def run_row(self, row):
        """How many answers were given."""
        n = 0
        with self.wire() as w:
            self.begun(row, w)
            for want in row.want:
                got = w.answer(body="-" not in want)
                self.assertIsNotNone(got, f"no {want}")
                status, fields, body = got
                self.said(body)
                self.assertEqual(status, int(want.rstrip("-")), body[:300])
                if status == 100:
                    w.send(row.then)
                    continue
                n += 1
                self.assertIn("x-request-id", fields)
                if status >= 400:
                    self.assertIn(b"request_id", body)
            if row.leave != RESET and not row.stays:
                self.assertIsNone(w.answer(), "one answer too many")
                # else what was said may be lost on its way
                self.assertFalse(w.cut and row.want, "ended by a reset")
            elif row.leave != RESET:
                self.assertNotEqual(fields.get("connection"), "close")
                n += self.normal(w)
        return n

    def test_table(self):
        before, answers, unknown = self.counted("requests"), 0, 0
        for row in self.rows():
            with self.subTest(row.name):
                answers += self.run_row(row)
                unknown += row.leave == RESET and row.data.count(b"HTTP/1.1")
                with self.wire() as w:
                    answers += self.normal(w)
        self.assertFalse([r for r in self.d.log_rows() if "/smuggled" in r["msg"]])
        self.quiet()
        lib.wait_until("all answers are counted",     # each when it has gone out
                       lambda: answers <= self.counted("requests") - before)
        self.assertLessEqual(self.counted("requests") - before, answers + unknown)

    def quiet(self):
        """Nobody was harmed, nothing is left."""
        rows = self.d.log_rows()
        self.assertEqual([r for r in rows if r["level"] in ("error", "fatal")], [])
        lib.wait_until("no connection is left", lambda: self.counted(
            "connections open") == 0 and self.counted("requests in work") == 0, 30)
        self.assertEqual(self.counted("workers_died"), 0)


class Plain(Table, lib.Suite):
    def test_pieces(self):
        """The same, torn in two: what is refused is refused, nothing else."""
        for row in self.rows():
            if row.leave or len(row.data) < 2 or len(row.want) > 1:
                continue
            data = row.data.replace(b"%KEY%", self.d.key.encode())
            with self.subTest(row.name), self.wire() as w:
                w.send(data[:len(data) // 2])
                with self.wire() as other:      # it has been read by then, or will be
                    self.normal(other)
                w.send(data[len(data) // 2:])
                got = w.answer(body="-" not in row.want[0])
                want = int(row.want[0].rstrip("-"))
                # who said that it waits is told to go on
                self.assertIn(got and got[0], (want, 100) if b"Expect" in data else (want,))


class Tls(Table, lib.Suite):
    kind = "tls"

    @classmethod
    def make(cls):
        cert, key = certificate(cls.dir, "raw")
        cls.ctx = trusting(cert)
        d = cls.daemon(env={**cls.limits(), "TLS_PORT": str(lib.free_port()),
                            "TLS_CERT": cert, "TLS_KEY": key})
        d.tls_port = int(d.env["TLS_PORT"])
        return d.start()

    @property
    def port(self):
        return self.d.tls_port


# what may come from a proxy, or through it
SANE = {200, 204, 400, 401, 403, 404, 405, 406, 408, 411, 413, 414, 415, 417, 422, 431, 501, 505}


class Behind(Table):
    """What a proxy passes on, changes or refuses is its business; but it is
    answered, once, and nobody else gets a part of it."""
    kind = "behind"

    @classmethod
    def make(cls):
        cls.front = front.Front(cls, tls=True)
        d = cls.daemon(env={**cls.limits(), **cls.front.urls(),
                            "TRUSTED_PROXIES": "127.0.0.1"}).start()
        cls.run_front(cls.front, [d])
        cls.ctx = cls.front.tls
        return d

    @property
    def port(self):
        return self.front.port

    def rows(self):
        return [r for r in super().rows() if r.only is None]

    def run_row(self, row):
        n = 0
        with self.wire() as w:
            self.begun(row, w)
            if row.leave == RESET:
                return 0
            w.s.settimeout(0.5 * lib.SLOW)
            while got := self.got(w, n < len(row.want) and "-" in row.want[n]):
                status, _, body = got
                self.said(body)
                if status == 100:   # or it is here already
                    w.send(row.then or b"")
                    continue
                self.assertIn(status, SANE, body[:300])
                if n == 0:          # it may wait for one more; this is the last
                    w.send(GET + CLOSE + b"\r\n")
                n += 1
            # one that we hide may be no secret to a kinder parser
            self.assertLessEqual(n, len(row.want) + (HIDDEN in row.data) + 1)
        return n

    def got(self, w, bodyless):
        """The next answer; who waits for more hears that none comes."""
        try:
            return w.answer(not bodyless)
        except Quiet:
            w.half_close()
            w.s.settimeout(w.seconds)
            return w.answer(not bodyless)

    def normal(self, w):
        super().normal(w)
        w.send(b"GET /nowhere HTTP/1.1\r\n" + H + b"\r\n")
        status, _, body = w.answer()
        self.assertEqual((status, b"not_found" in body), (404, True), body)
        return 2

    def test_table(self):
        rows, answered = self.rows(), 0
        for row in rows:
            with self.subTest(row.name):
                answered += self.run_row(row) > 0
                with self.wire() as w:
                    self.normal(w)
        self.assertGreater(answered, len(rows) * 0.9)
        self.quiet()
        # no request came here that the proxy knows nothing of
        lib.wait_until("the proxy has logged them", lambda: self.asked() <= self.passed_on())

    def asked(self):
        """Requests that came here, but for the proxy's own checks."""
        return sum(" ms=" in r["msg"] and "/ready" not in r["msg"]
                   for r in self.d.log_rows())


class Nginx(Behind, lib.Suite):
    @staticmethod
    def run_front(f, daemons):
        nginx(f, daemons, ("$request_time'", "$request_time up=$upstream_addr;'"))

    def passed_on(self):
        return self.front.logs().count(f"up=127.0.0.1:{self.d.port}")


class Haproxy(Behind, lib.Suite):
    run_front = staticmethod(haproxy)

    def passed_on(self):
        return self.front.logs().count(" slackmcpd/n1 ")


if __name__ == "__main__":
    unittest.main()
