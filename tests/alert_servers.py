"""A web server and a mail server that take alerts, for tests; nothing here is a test."""

import base64
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from email.message import EmailMessage

T = TypeVar("T", bound=socketserver.BaseServer)


class Webhook(ThreadingHTTPServer):
    """Takes JSON by POST, after as many failures as it is told to answer with."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Post)
        self.bodies: list[dict[str, Any]] = []
        self.requests = 0
        self.failures = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/services/T0/B0/very-secret-path"


class _Post(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests += 1
        if self.server.requests <= self.server.failures:
            self.send_response(503)
        else:
            self.server.bodies.append(json.loads(body))
            self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


class MailServer(socketserver.ThreadingTCPServer):
    """Takes mail over SMTP, from whoever has the password."""

    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.mails: list[tuple[str, list[str], EmailMessage]] = []
        self.users: list[str] = []

    @property
    def url(self) -> str:
        return f"smtp://robot:correct-horse-9@127.0.0.1:{self.server_address[1]}"


class _Session(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.say("220 here")
        sender, recipients = "", []
        for line in iter(self.rfile.readline, b""):
            word, _, rest = line.decode().strip().partition(" ")
            word = word.upper()
            if word == "EHLO":
                self.say("250-here")
                self.say("250 AUTH PLAIN")
            elif word == "AUTH":
                _, user, password = base64.b64decode(rest.split()[1]).decode().split("\0")
                right = password == "correct-horse-9"
                self.server.users += [user] if right else []
                self.say("235 yes" if right else "535 no")
            elif word == "MAIL":
                sender = rest.partition("<")[2].partition(">")[0]
                self.say("250 ok")
            elif word == "RCPT":
                recipients.append(rest.partition("<")[2].partition(">")[0])
                self.say("250 ok")
            elif word == "DATA":
                self.say("354 go on")
                lines = list(iter(self.rfile.readline, b".\r\n"))
                mail = message_from_bytes(b"".join(lines), policy=policy.default)
                self.server.mails.append((sender, recipients, mail))
                self.say("250 taken")
            elif word == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def serving(server: T) -> Iterator[T]:
    """Serve in a thread until the block ends."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
