"""Uploads are believed only when size and sha256 agree, and read only where uploads may lie."""

from __future__ import annotations

import hashlib
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from challenges.messages import DataFile
from graders.fetch import FetchError, fetch

CONTENT = b"id,species\n1,setosa\n" * 1000
FILE = DataFile("p.csv", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "blobs with spaces"
    (folder / "uploads").mkdir(parents=True)
    (folder / "uploads" / "p q.csv").write_bytes(CONTENT)
    return folder


def test_a_local_upload_is_read_in_place(root: Path, tmp_path: Path):
    path = root / "uploads" / "p q.csv"
    assert fetch(path.as_uri(), FILE, tmp_path, root) == path


@pytest.mark.parametrize(
    "file",
    [
        DataFile("p.csv", FILE.size_bytes - 1, FILE.digest),
        DataFile("p.csv", FILE.size_bytes + 1, FILE.digest),
        DataFile("p.csv", FILE.size_bytes, "0" * 64),
    ],
)
def test_another_size_or_digest_is_refused(file: DataFile, root: Path, tmp_path: Path):
    with pytest.raises(FetchError):
        fetch((root / "uploads" / "p q.csv").as_uri(), file, tmp_path, root)


def test_nothing_outside_the_root_is_read(root: Path, tmp_path: Path):
    outside = tmp_path / "answers"
    outside.write_bytes(CONTENT)
    (root / "link").symlink_to(outside)
    for url in (
        outside.as_uri(),
        f"{root.as_uri()}/uploads/../../answers",
        f"{root.as_uri()}/uploads/%2e%2e/%2e%2e/answers",
        (root / "link").as_uri(),
        root.as_uri(),
    ):
        with pytest.raises(FetchError, match="below"):
            fetch(url, FILE, tmp_path, root)


@pytest.mark.parametrize("url", ["http://127.0.0.1/x", "ftp://127.0.0.1/x", "/etc/passwd", "data:,x", ""])
def test_other_schemes_are_refused(url: str, root: Path, tmp_path: Path):
    with pytest.raises(FetchError, match="https"):
        fetch(url, FILE, tmp_path, root)


def test_an_absent_upload_is_told(root: Path, tmp_path: Path):
    with pytest.raises(FetchError):
        fetch((root / "uploads" / "nothing").as_uri(), FILE, tmp_path, root)


def test_a_failed_download_leaves_nothing_and_tells_no_signature(root: Path, tmp_path: Path):
    into = tmp_path / "into"
    into.mkdir()
    with pytest.raises(FetchError) as error:
        fetch("https://127.0.0.1:1/uploads/p.csv?signature=secret", FILE, into, root)
    assert "secret" not in str(error.value)
    assert not list(into.iterdir())


class Blobs(BaseHTTPRequestHandler):
    """An object store with one upload."""

    def do_GET(self) -> None:
        """Answer with the upload, with another one, or with an error."""
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "/p.csv")
            self.end_headers()
            return
        content = {"/p.csv": CONTENT, "/longer.csv": CONTENT * 50}.get(self.path.partition("?")[0])
        self.send_response(200 if content else 403)
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ssl.SSLContext]]:
    """A server with a certificate of its own, and a context that trusts it."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("certificate")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    server = HTTPServer(("127.0.0.1", 0), Blobs)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}", ssl.create_default_context(cafile=str(certificate))
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_upload_is_downloaded_and_verified(store: tuple[str, ssl.SSLContext], root: Path, tmp_path: Path):
    url, trust = store
    path = fetch(f"{url}/p.csv?signature=secret", FILE, tmp_path, root, trust)
    assert path.parent == tmp_path
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("name", ["longer.csv", "absent.csv", "moved"])
def test_a_wrong_download_is_removed(name: str, store: tuple[str, ssl.SSLContext], root: Path, tmp_path: Path):
    url, trust = store
    into = tmp_path / "into"
    into.mkdir()
    with pytest.raises(FetchError) as error:
        fetch(f"{url}/{name}?signature=secret", FILE, into, root, trust)
    assert "secret" not in str(error.value)
    assert not list(into.iterdir())


def test_a_server_that_nobody_vouches_for_is_not_believed(
    store: tuple[str, ssl.SSLContext], root: Path, tmp_path: Path
):
    with pytest.raises(FetchError):
        fetch(f"{store[0]}/p.csv", FILE, tmp_path, root)
