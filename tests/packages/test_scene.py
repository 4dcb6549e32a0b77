"""What the scene of `make deb-scene` rests on: lines that are read, not repeated; a vendor's
releases that a home takes; a browser that believes one authority.  The scene itself needs root, a
place to get Debian from, and minutes."""

from __future__ import annotations

import json
import ssl
import tarfile
import threading
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests._tree import ROOT
from tests.packages.test_deb import built, needs_dpkg
from tools.deb import unit
from tools.deb.authority import certify
from tools.deb.browser import Away, Browser
from tools.deb.locked import BuildError
from tools.deb.targets import GATEWAY
from tools.deb.unit import NAME, readme_lines, until
from tools.deb.vendor import Vendor


def test_the_scene_types_what_both_pages_say() -> None:
    """README's lines are those of docs/install.md, word for word, and each package is installed,
    set up and started by them."""
    page = (ROOT / "docs/install.md").read_text()
    server, home = readme_lines()
    for lines in (server, home):
        assert "```\n" + "\n".join(lines) + "\n```" in page
    assert NAME in (ROOT / "systemd/nginx.conf").read_text()
    for lines, package in ((server, "tryggve-staff"), (home, "tryggve-gateway")):
        assert f"./{package}_*.deb" in lines[0]
        assert f"sudo systemctl start {package}" in lines


@needs_dpkg
def test_a_vendor_s_releases_are_signed_by_both_and_a_home_would_take_them(tmp_path: Path) -> None:
    """Each under its number, with the keys that sign the next; the broken one lacks what is not
    ours; a package of such a program trusts the same keys."""
    _, root, files = built(GATEWAY, tmp_path / "built")
    site = root / GATEWAY.release / "lib/python3.13/site-packages/gateway"
    assert not (site / "updates/root.json").exists()
    (tmp_path / "work").mkdir()
    vendor = Vendor(tmp_path / "work")
    package = vendor.trusted(files[0])
    assert vendor.first(package) == "0.2.0"
    vendor.publish(package, ("0.2.0",), "0.2.1")
    names = sorted(path.name.partition(".")[2] for path in (vendor.repo / "targets").iterdir())
    assert names == [f"tryggve-gateway_0.2.{n}+deb13_arm64.tar.xz" for n in (0, 1)]
    signed = json.loads((vendor.repo / "metadata/3.targets.json").read_text())
    assert len(signed["signatures"]) == 2
    whole, broken = (_files(next(vendor.repo.glob(f"targets/*{name}"))) for name in names)
    assert whole["gateway/updates/root.json"] == broken["gateway/updates/root.json"] != b""
    assert whole.keys() - broken.keys() >= {"tryggve-outside.pth"}


def _files(release: Path) -> dict[str, bytes]:
    """What lies where libraries are."""
    with tarfile.open(release) as archive:
        files = {one.name.partition("site-packages/")[2]: one for one in archive if one.isreg()}
        return {name: archive.extractfile(one).read() for name, one in files.items()}  # type: ignore[union-attr]


def test_a_browser_believes_its_authority_and_no_other(tmp_path: Path) -> None:
    """It is led where the server leads, and says who refused it and with what words."""
    files = [tmp_path / name for name in ("ca.crt", "chain.pem", "key.pem", "other.crt")]
    certify(NAME, *files[:3])
    certify(NAME, files[3], tmp_path / "x.pem", tmp_path / "y.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files[1], files[2])
    server = HTTPServer(("127.0.0.1", 0), _Pages)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        port = server.server_port
        browser = Browser(NAME, "127.0.0.1", files[0], nullcontext, "x", port=port)
        assert browser.get("/") == "<p>here"
        with pytest.raises(BuildError, match="answered 404: not here") as refused:
            browser.get("/nowhere")
        assert not isinstance(refused.value, Away)
        with pytest.raises(Away, match="answered 502: not here"):
            browser.get("/away")
        stranger = Browser(NAME, "127.0.0.1", files[3], nullcontext, "x", port=port)
        with pytest.raises(BuildError, match="CERTIFICATE_VERIFY_FAILED"):
            stranger.get("/")
    finally:
        server.shutdown()
        server.server_close()


def test_a_server_that_is_started_anew_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it said meanwhile is said, once; a page that refuses is no reason to wait, and one that
    is away for good is the end."""
    monkeypatch.setattr(unit, "LOOK_S", 0)
    answers: list[object] = [Away("502 Bad Gateway"), Away("502 Bad Gateway"), "", "here"]

    def look() -> object:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert until(look, "the page") == "here"
    assert capsys.readouterr().out.split() == ["502", "Bad", "Gateway"]
    answers.append(BuildError("404"))
    with pytest.raises(BuildError, match="404"):
        until(look, "the page")
    answers.append(Away("502"))
    with pytest.raises(BuildError, match="the page did not come within"):
        until(look, "the page", within_s=-1)


class _Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status = {"/": 303, "/there": 200, "/away": 502}.get(self.path, 404)
        body = b"<p>here" if status == 200 else b"<p>not here"
        self.send_response(status)
        if status == 303:
            self.send_header("Location", f"https://{NAME}/there")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass
