# SPDX-License-Identifier: MIT
"""The front over a made-up kernel (tests/lib/stand_in.c), and a client for it."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD", os.path.join(TOP, "build"))


class UnixConnection(http.client.HTTPConnection):
    """http.client's, over a unix socket."""

    def __init__(self, path):
        super().__init__("x", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    """What came back: status, headers (names in lower case) and body (bytes)."""

    def __init__(self, response, body):
        self.status = response.status
        self.headers = {k.lower(): v for k, v in response.getheaders()}
        self.body = body

    def __str__(self):
        return f"{self.status} {self.headers} {self.body[:500]!r}"


class Front:
    """Runs for as long as the object is entered."""

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="pvkit-front.")
        os.makedirs(os.path.join(self.dir, "sys/class/net"))
        os.makedirs(os.path.join(self.dir, "sys/module/good"))
        os.makedirs(os.path.join(self.dir, "union/ram"))
        os.makedirs(os.path.join(self.dir, "union/state"))
        self.level("warning", 2)
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "tests/lib/stand_in"), self.dir],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.process.stdout.readline() != b"ready\n":
            raise RuntimeError("the server does not start")
        return self

    def __exit__(self, *unused):
        self.end()
        shutil.rmtree(self.dir)

    def end(self):
        """Its exit status: 0 unless a sanitizer had something to say."""
        self.process.stdin.close()
        return self.process.wait(20)

    def level(self, level, generation):
        """How full the RAM over the root is, as pvkit-union tells it."""
        new = os.path.join(self.dir, "union/state/.new")
        with open(new, "w", encoding="ascii") as file:
            json.dump({"level": level, "generation": generation, "uptime_ms": 61234,
                       "size": 1000, "used": 810, "inodes": 100, "inodes_used": 3}, file)
        os.rename(new, os.path.join(self.dir, "union/state/level"))

    def connect(self, who):
        """A connection of somebody's (see stand_in.c for who there is)."""
        return UnixConnection(os.path.join(self.dir, who))

    def ask(self, who, method, path, body=None, headers=None):
        """One request on a connection of its own."""
        connection = self.connect(who)
        try:
            try:
                connection.request(method, path, body=body, headers=headers or {})
            except (BrokenPipeError, ConnectionResetError):
                pass  # what it did not want to read has been answered all the same
            response = connection.getresponse()
            return Answer(response, response.read())
        finally:
            connection.close()

    def listen(self, who, path, events):
        """The beginning of a stream: so many events, whole. And the stream, to be closed."""
        connection = self.connect(who)
        connection.request("GET", path)
        response = connection.getresponse()
        body = b""
        while response.status == 200 and body.count(b"\n\n") < events:
            body += response.read1()
        if response.status != 200:
            body = response.read()
        return response, Answer(response, body)
