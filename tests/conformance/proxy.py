# SPDX-License-Identifier: ISC
"""A loopback proxy that adds a key to every request: the official suite cannot
send one.  All other lines pass as they are, answers are handed on as they come."""
import selectors
import socket
import ssl
import threading


class Proxy:
    def __init__(self, upstream, key, tls=None):
        """upstream: a port, https when there is a context for it."""
        self.upstream, self.tls = upstream, tls
        self.line = f"Authorization: Bearer {key}\r\n".encode()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(conn,), daemon=True).start()

    def one(self, client):
        """One request a connection."""
        with client:
            client.settimeout(60)
            data = b""
            while b"\r\n\r\n" not in data:
                chunk = client.recv(65536)
                if not chunk:
                    return
                data += chunk
            head, _, body = data.partition(b"\r\n\r\n")
            first, *lines = head.split(b"\r\n")
            lines = [x for x in lines
                     if not x.lower().startswith(b"connection:")]
            head = b"\r\n".join([first, *lines, b"Connection: close"])
            with self.connect() as up:
                up.sendall(head + b"\r\n" + self.line + b"\r\n" + body)
                pump(client, up)

    def connect(self):
        s = socket.create_connection(("127.0.0.1", self.upstream))
        return self.tls.wrap_socket(s, server_hostname="localhost") if self.tls else s

    def close(self):
        self.listener.close()


def pump(client, up):
    """Both ways, until the server has said all or the client has gone."""
    with selectors.DefaultSelector() as sel:
        sel.register(client, selectors.EVENT_READ, up)
        sel.register(up, selectors.EVENT_READ, client)
        while True:
            for key, _ in sel.select(60):
                if not hand_on(key.fileobj, key.data):
                    return


def hand_on(source, to):
    """What is there; False at the end."""
    try:
        while True:
            chunk = source.recv(65536)
            if not chunk:
                return False
            to.sendall(chunk)
            if not (isinstance(source, ssl.SSLSocket) and source.pending()):
                return True
    except OSError:
        return False
