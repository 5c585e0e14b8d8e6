# SPDX-License-Identifier: Apache-2.0
"""The daemon's HTTP against clients of all kinds: hostile, slow and many ones, and those that need
TLS and passwords."""

import base64
import collections
import contextlib
import crypt
import multiprocessing
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

from harness import POLL, LiveTest, monotonic, read_stat, run, wait_for

SCRAPE_MAX = 1.0  # seconds: what a scrape has, whatever else goes on
BUSY = 5  # times what it takes without, where the machine is too busy for that
STALLED = 1000
FLOOD = 10000
FLOODERS = 4
HELD = 300  # connections of a flooder: more than the 256 that there may be, whoever runs meanwhile
SCRAPES = 5
TLS_STALLED = 400
TLS_FLOOD = 2000
PATIENCE = 30

STRICT = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}

SLOW = 10
LOOKS = 50  # at what the monitor is at
ASSET = b"vendor/uPlot.iife.min.js"  # the largest of what is served as it is
ASSET_MIN = 50000

GOOD = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"


def connect(watch):
    client = socket.create_connection(("127.0.0.1", watch.port), timeout=PATIENCE)
    # As clients of HTTP do: else what follows a handshake waits for the kernel to confirm that.
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def receive(client):
    """All until the end."""
    data = b""
    with contextlib.suppress(ConnectionResetError, ssl.SSLEOFError):
        while chunk := client.recv(65536):
            data += chunk
    return data


def head_of(data):
    """Status and headers of an answer; names in lower case."""
    head = data.split(b"\r\n\r\n", 1)[0].decode("latin-1").split("\r\n")
    status = int(head[0].split()[1])
    return status, dict(
        (name.lower(), value.strip()) for name, value in (line.split(":", 1) for line in head[1:])
    )


class WebTest(LiveTest):
    def daemon(self, *options, **arguments):
        fixture = self.fixture("cond")
        return self.watch(fixture.pid, "--interval", "200ms", *options, **arguments)

    def losses(self, watch, what):
        return watch.value("parkwatch_web_losses_total", what=what)


class Hostile(WebTest):
    def ask(self, watch, data):
        with connect(watch) as client:
            client.sendall(data)
            return receive(client)

    def check(self, watch, data, status):
        answer = self.ask(watch, data)
        self.assertTrue(answer, f"no answer to {data[:60]!r}")
        got, headers = head_of(answer)
        self.assertEqual(got, status, f"{data[:60]!r}: {answer[:300]!r}")
        for name, value in STRICT.items():
            self.assertEqual(headers.get(name), value, f"{name} after {data[:60]!r}")
        self.assertTrue(headers["content-security-policy"].startswith("default-src 'none'"))
        self.assertNotIn(b"MARK", answer)

    def test_requests(self):
        watch = self.daemon()
        host = b"Host: localhost\r\n"
        get = b"GET / HTTP/1.1\r\n"
        for data, status in (
            (b"GET /MARK HTTP/1.1\r\n" + host + b"\r\n", 404),
            (b"GET /../../../etc/passwd HTTP/1.1\r\n" + host + b"\r\n", 404),
            (b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n" + host + b"\r\n", 404),
            (b"GET /metrics%00MARK HTTP/1.1\r\n" + host + b"\r\n", 400),
            (b"GET /\0MARK HTTP/1.1\r\n" + host + b"\r\n", 400),
            (get + b"X: a\0b\r\n" + host + b"\r\n", 400),
            (b"GET /MARK\r\n", 400),  # HTTP/0.9
            (b"MARK\r\n\r\n", 400),
            (os.urandom(64) + b"\0", 400),
            (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(200), 400),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
            (get + b"\r\n", 400),
            (get + host + host + b"\r\n", 400),
            (get + b"Host: MARK.example\r\n\r\n", 421),
            (get + b"Host: 127.0.0.1.MARK.example:%d\r\n\r\n" % watch.port, 421),
            (b"POST / HTTP/1.1\r\nHost: MARK\r\n\r\n", 421),
            (get + host + b"Sec-Fetch-Site: cross-site\r\n\r\n", 403),
            (b"POST / HTTP/1.1\r\n" + host + b"Content-Length: 4\r\n\r\nMARK", 405),
            (b"OPTIONS * HTTP/1.1\r\n" + host + b"\r\n", 400),
            (b"TRACE / HTTP/1.1\r\nX: MARK\r\n" + host + b"\r\n", 405),
            (get + host + b"Content-Length: 4\r\n\r\nMARK", 413),
            (get + host + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\nMARK", 413),
            (get + host + b"X: " + b"MARK" * 2100 + b"\r\n\r\n", 431),
            (b"GET /" + b"MARK" * 2100, 431),
            (get + host + b"A: b\r\n" * 70 + b"\r\n", 431),
            (b"GET /?" + b"a&" * 40 + b" HTTP/1.1\r\n" + host + b"\r\n", 400),
        ):
            with self.subTest(data=data[:60]):
                self.check(watch, data, status)
        self.check(watch, b"GET /-/healthy HTTP/1.1\r\nHost: 192.0.2.1:80\r\n\r\n", 200)

    def test_names(self):
        watch = self.daemon("--web.allowed-host", "Park.example")
        get = b"GET /-/healthy HTTP/1.1\r\nHost: %s\r\n\r\n"
        self.check(watch, get % b"park.EXAMPLE:9", 200)
        self.check(watch, get % socket.gethostname().encode(), 421)
        exposed = self.daemon("--web.listen-address", "0.0.0.0:0")
        self.check(exposed, get % socket.gethostname().encode(), 200)

    def test_byte_by_byte(self):
        watch = self.daemon()
        began = monotonic()
        with connect(watch) as client:
            client.settimeout(1)
            data = b""
            client.sendall(GOOD[:10])
            while monotonic() < began + PATIENCE and not data:
                with contextlib.suppress(socket.timeout):
                    data = client.recv(65536)
                    break
                client.sendall(b"a")
        self.assertEqual(head_of(data)[0], 408)
        self.assertEqual(self.losses(watch, "late"), 1)


def allow_descriptors(test):
    """Enough of them for all stalled clients, until the test ends."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 4 * STALLED)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    test.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))


def flood(port, number, hello, start):
    """So many connections, of which the last HELD stay open: more than there is room for, so that
    each new one is in the way of a scrape. Who says hello waits for an answer, as
    the next would come before it is accepted. The CPU is not what is fought for."""
    os.nice(19)
    held = collections.deque()
    start.wait(PATIENCE)
    for _ in range(number):
        with contextlib.suppress(OSError):
            client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
            held.append(client)
            if hello:
                client.sendall(hello)
                client.recv(1)
        if len(held) > HELD:
            held.popleft().close()


def limit_of(times):
    """Seconds for a scrape, by what some take that nobody is in the way of."""
    return max(SCRAPE_MAX, BUSY * max(times))


@contextlib.contextmanager
def flooded(watch, number, hello=b""):
    """FLOODERS at once, in processes of their own; yields what tells whether they still are at it."""
    context = multiprocessing.get_context("fork")
    arguments = (watch.port, number // FLOODERS, hello, context.Barrier(FLOODERS))
    flooders = [
        context.Process(target=flood, args=arguments, daemon=True) for _ in range(FLOODERS)
    ]
    for flooder in flooders:
        flooder.start()
    try:
        yield lambda: any(flooder.is_alive() for flooder in flooders)
    finally:
        for flooder in flooders:
            flooder.kill()
            flooder.join()


class Many(WebTest):
    """A scrape has its second while others do what they can."""

    ALONE = True  # measures time

    def setUp(self):
        super().setUp()
        allow_descriptors(self)

    def scrape(self, watch):
        began = monotonic()
        status, _, body = watch.fetch("/metrics")
        took = monotonic() - began
        self.assertEqual(status, 200)
        self.assertIn(b"parkwatch_target_up", body)
        return took

    def test_stalled(self):
        watch = self.daemon()
        with contextlib.ExitStack() as stack:
            for number in range(STALLED):
                client = stack.enter_context(connect(watch))
                with contextlib.suppress(ConnectionError):
                    client.sendall((b"", b"G", GOOD[:-2])[number % 3])
            for _ in range(SCRAPES):
                self.assertLess(self.scrape(watch), SCRAPE_MAX)
        self.assertGreaterEqual(self.losses(watch, "evicted"), STALLED - 300)

    def test_flood(self):
        watch = self.daemon()
        times, limit = [], limit_of(self.scrape(watch) for _ in range(SCRAPES))
        with flooded(watch, FLOOD) as is_flooded:
            while is_flooded():
                times.append(self.scrape(watch))
        self.assertGreaterEqual(len(times), SCRAPES)
        self.assertLess(max(times), limit)
        self.assertGreaterEqual(self.losses(watch, "evicted"), FLOOD / 10)

    def test_slow_readers(self):
        watch = self.daemon()
        with contextlib.ExitStack() as stack:
            for _ in range(60):
                client = stack.enter_context(socket.socket())
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                client.connect(("127.0.0.1", watch.port))
                client.sendall(GOOD)
            self.assertLess(self.scrape(watch), SCRAPE_MAX)

    def test_slow_readers_cost_nothing(self):
        """The monitor sleeps while they do not read, however much there is left for them."""
        fixture = self.fixture("cond")
        watch = self.watch(fixture.pid, "--interval", "1m")
        [monitor] = watch.role("pw-monitor")
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(self.slow_reader(watch)) for _ in range(SLOW)]
            for client in clients:
                self.assertTrue(client.recv(1, socket.MSG_PEEK))
            states = []
            for _ in range(LOOKS):
                states.append(read_stat(monitor)[0])
                time.sleep(POLL)
            self.assertGreater(states.count("S"), LOOKS / 2, "the monitor spins")
            for client in clients:
                self.assertGreater(len(receive(client)), ASSET_MIN)

    def slow_reader(self, watch):
        """Small segments and a small window keep the kernel from taking all of the answer."""
        client = socket.socket()
        client.settimeout(PATIENCE)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        client.connect(("127.0.0.1", watch.port))
        client.sendall(b"GET /assets/%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % ASSET)
        return client


def certificate(folder, name="cert.pem", key="key.pem"):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", folder / key, "-out", folder / name],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip


def bcrypt(password, cost=4):
    return crypt.crypt(password, f"$2y${cost:02}$" + "QOauhQNbBCuQDKes6eFzPe")


class Configured(WebTest):
    """TLS and passwords."""

    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="parkwatch-web-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.config = self.folder / "web.yml"

    def write(self, text):
        # In one step, as who rotates should.
        fresh = self.folder / "fresh"
        fresh.write_text(text, encoding="utf-8")
        fresh.rename(self.config)

    TLS = "tls_server_config: {cert_file: cert.pem, key_file: key.pem%s}\n"

    def start(self, text, *options):
        self.write(text)
        watch = self.daemon("--web.config.file", str(self.config), *options, ready=False)
        wait_for(lambda: self.is_up(watch), "daemon answers")
        return watch

    def is_up(self, watch):
        if watch.process.poll() is not None:
            raise AssertionError(watch.log())
        with contextlib.suppress(OSError):
            connect(watch).close()
            return True
        return False

    def context(self, **settings):
        context = ssl.create_default_context(cafile=self.folder / "cert.pem")
        for name, value in settings.items():
            setattr(context, name, value)
        return context

    def ask(self, watch, path="/-/healthy", context=None, password=None, plain=False):
        """All that is answered."""
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n"
        if password:
            head += f"Authorization: Basic {base64.b64encode(password.encode()).decode()}\r\n"
        with connect(watch) as client, contextlib.ExitStack() as stack:
            if not plain:
                client = (context or self.context()).wrap_socket(
                    client, server_hostname="localhost"
                )
                stack.enter_context(client)
            client.sendall((head + "\r\n").encode())
            return receive(client)

    def fetch(self, watch, *arguments, **options):
        """Status and headers, or None when there is no answer."""
        data = self.ask(watch, *arguments, **options)
        return head_of(data) if data else None

    def test_tls(self):
        certificate(self.folder)
        watch = self.start(self.TLS % "")
        self.assertEqual(self.fetch(watch)[0], 200)
        versions = ssl.TLSVersion
        for version in (versions.TLSv1_2, versions.TLSv1_3):
            context = self.context(minimum_version=version, maximum_version=version)
            self.assertEqual(self.fetch(watch, context=context)[0], 200)
        context = ssl.create_default_context(cafile=self.folder / "cert.pem")
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = versions.TLSv1
        context.maximum_version = versions.TLSv1_1
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.fetch(watch, context=context)
        with connect(watch) as client:
            client.sendall(GOOD)
            self.assertNotIn(b"HTTP", receive(client))
        self.assertNotIn("--web", watch.log())

    def scrape(self, watch, context):
        began = monotonic()
        status, _ = self.fetch(watch, "/metrics", context)
        self.assertEqual(status, 200)
        return monotonic() - began

    def client_hello(self):
        """What a client says first."""
        said = ssl.MemoryBIO()
        tls = self.context().wrap_bio(ssl.MemoryBIO(), said, server_hostname="localhost")
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
        return said.read()

    def test_stalled_handshakes(self):
        """Of clients that say nothing, a byte, half of their greeting and all of it."""
        allow_descriptors(self)
        certificate(self.folder)
        watch = self.start(self.TLS % "")
        context, hello = self.context(), self.client_hello()
        with contextlib.ExitStack() as stack:
            for number in range(TLS_STALLED):
                client = stack.enter_context(connect(watch))
                with contextlib.suppress(ConnectionError):
                    client.sendall((b"", hello[:1], hello[: len(hello) // 2], hello)[number % 4])
            for _ in range(SCRAPES):
                self.assertLess(self.scrape(watch, context), SCRAPE_MAX)

    def test_flood_of_handshakes(self):
        certificate(self.folder)
        watch = self.start(self.TLS % "")
        context, times = self.context(), []
        limit = limit_of(self.scrape(watch, context) for _ in range(SCRAPES))
        with flooded(watch, TLS_FLOOD, self.client_hello()) as is_flooded:
            while is_flooded():
                times.append(self.scrape(watch, context))
        self.assertTrue(times)
        self.assertLess(max(times), limit)
        self.assertGreaterEqual(self.evicted(watch, context), TLS_FLOOD / 10)

    def evicted(self, watch, context):
        answer = self.ask(watch, "/metrics", context)
        [value] = re.findall(rb'^parkwatch_web_losses_total{what="evicted"} (.+)$', answer, re.M)
        return float(value)

    def test_least_version_and_headers(self):
        certificate(self.folder)
        watch = self.start(
            self.TLS % ", min_version: TLS13"
            + "http_server_config: {headers: {Strict-Transport-Security: max-age=7,"
            " X-Frame-Options: SAMEORIGIN}}\n"
        )
        for path in ("/-/healthy", "/none", "/a%00"):
            headers = self.fetch(watch, path)[1]
            self.assertEqual(headers["strict-transport-security"], "max-age=7")
            self.assertEqual(headers["x-frame-options"], "SAMEORIGIN")
            self.assertEqual(headers["x-content-type-options"], "nosniff")
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.fetch(watch, context=self.context(maximum_version=ssl.TLSVersion.TLSv1_2))

    def test_client_certificates(self):
        certificate(self.folder)
        certificate(self.folder, "client.pem", "client.key")
        certificate(self.folder, "stranger.pem", "stranger.key")
        watch = self.start(
            self.TLS % ", client_ca_file: client.pem, client_auth_type: RequireAndVerifyClientCert"
        )

        def status(name):
            context = self.context(maximum_version=ssl.TLSVersion.TLSv1_2)
            if name:
                context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
            return self.fetch(watch, context=context)[0]

        self.assertEqual(status("client"), 200)
        for name in ("stranger", None):
            with self.assertRaises((ssl.SSLError, ConnectionError, TypeError)):
                status(name)

    def test_passwords(self):
        self.write("")
        watch = self.start(f"basic_auth_users: {{alice: '{bcrypt('secret')}'}}\n")
        for password, status in (
            (None, 401),
            ("alice:secret", 200),
            ("alice:secret", 200),
            ("alice:wrong", 401),
            ("bob:secret", 401),
            ("alice:", 401),
        ):
            got, headers = self.fetch(watch, password=password, plain=True)
            self.assertEqual(got, status, password)
            self.assertEqual("www-authenticate" in headers, status == 401)
        done = subprocess.run(
            ["curl", "-s", "-m", "20", "-u", "alice:secret", f"http://127.0.0.1:{watch.port}/metrics"],
            capture_output=True, timeout=30, check=True,
        )  # fmt: skip
        self.assertIn(b"parkwatch_web_losses_total", done.stdout)

    def test_guesses_do_not_keep_others_waiting(self):
        watch = self.start(f"basic_auth_users: {{alice: '{bcrypt('secret', 12)}'}}\n")
        self.assertEqual(self.fetch(watch, password="alice:secret", plain=True)[0], 200)
        with contextlib.ExitStack() as stack:
            head = "GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic "
            for number in range(30):
                guess = base64.b64encode(f"alice:{number}".encode()).decode()
                client = stack.enter_context(connect(watch))
                client.sendall(f"{head}{guess}\r\n\r\n".encode())
            began = monotonic()
            self.assertEqual(self.fetch(watch, password="alice:secret", plain=True)[0], 200)
            self.assertLess(monotonic() - began, SCRAPE_MAX)

    def test_verifier_that_ends(self):
        """By whatever a password did to it, or by somebody's hand: there is another one soon."""
        watch = self.start(f"basic_auth_users: {{alice: '{bcrypt('secret')}'}}\n")
        for number in (signal.SIGSEGV, signal.SIGKILL, signal.SIGSTOP):
            with self.subTest(signal=number.name):
                [before] = wait_for(lambda: watch.role("pw-verifier"), "a verifier")
                os.kill(before, number)
                wait_for(lambda: watch.role("pw-verifier") not in ([], [before]), "another one")
                # Those that were not right before have to be checked.
                wait_for(lambda: self.fetch(watch, password="alice:x", plain=True)[0] == 401, "it")
                self.assertEqual(self.fetch(watch, password="alice:secret", plain=True)[0], 200)
        self.assertIsNone(watch.process.poll())

    def assert_refused(self, text, words, *options):
        self.write(text)
        fixture = self.fixture("cond")
        done = run("watch", "-p", fixture.pid, "--web.config.file", self.config, *options)
        lines = done.stderr.decode().splitlines()
        self.assertEqual((done.returncode, len(lines)), (1, 1), lines)
        self.assertIn(words, lines[0])

    def test_refused_at_start(self):
        certificate(self.folder)
        certificate(self.folder, "other.pem", "other.key")
        users = f"basic_auth_users: {{alice: '{bcrypt('secret')}'}}\n"
        here = ("--web.listen-address", "127.0.0.1:0")
        self.assert_refused(users, "loopback", "--web.listen-address", "0.0.0.0:0")
        self.assert_refused("nonsense: 1\n", "line 1: 'nonsense' is not known", *here)
        self.assert_refused("a: &a [*a, *a]\n", "line 1", *here)
        self.assert_refused("[" * 60000, "line 1", *here)
        self.assert_refused("x" * 70000, "File too large", *here)
        self.assert_refused(self.TLS.replace("key.pem", "none") % "", "none: No such file", *here)
        self.assert_refused(self.TLS.replace("key.pem", "other.key") % "", "cert_file", *here)
        os.mkfifo(self.folder / "fifo")
        self.assert_refused(self.TLS.replace("key.pem", "fifo") % "", "not a regular file", *here)

    def test_changes(self):
        certificate(self.folder)
        watch = self.start(self.TLS % "")
        old = self.context()
        self.assertEqual(self.fetch(watch, context=old)[0], 200)

        self.write("tls_server_config: [\n")
        wait_for(lambda: "stays as it was" in watch.log(), "the broken file is noticed")
        self.assertEqual(self.fetch(watch, context=old)[0], 200)

        # A fresh key beside the old certificate is no pair; with its own one it is used.
        certificate(self.folder, "new.pem", "new.key")
        self.write(self.TLS % "")
        (self.folder / "new.key").rename(self.folder / "key.pem")
        (self.folder / "new.pem").rename(self.folder / "cert.pem")

        def is_rotated():
            with contextlib.suppress(ssl.SSLError):
                return self.fetch(watch)[0] == 200

        wait_for(is_rotated, "the new key is used")
        with self.assertRaises(ssl.SSLError):
            self.fetch(watch, context=old)
        self.write(self.TLS % "" + f"basic_auth_users: {{alice: '{bcrypt('secret')}'}}\n")
        wait_for(lambda: self.fetch(watch)[0] == 401, "the password is asked for")
        status, _ = self.fetch(watch, password="alice:secret")
        self.assertEqual(status, 200)
