"""A public key for SSH as a stranger gives one: one key, and nothing beside it."""

from __future__ import annotations

import base64
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from gateway.access.ssh_key import LINE_MAX, KeyWrong, SshKey, read

KEYGEN = shutil.which("ssh-keygen")
needs_keygen = pytest.mark.skipif(KEYGEN is None, reason="ssh-keygen is not installed")


def line(kind: str, *parts: bytes, named: str | None = None) -> str:
    """A key of these parts, by the format's own rules."""
    whole = [(named or kind).encode(), *parts]
    blob = b"".join(struct.pack(">I", len(one)) + one for one in whole)
    return f"{kind} {base64.b64encode(blob).decode()}"


GOOD = line("ssh-ed25519", b"k" * 32)
P256 = line("ecdsa-sha2-nistp256", b"nistp256", b"\4" + b"p" * 64)
E = b"\1\0\1"


def rsa(bits: int) -> str:
    number = (1 << (bits - 1)) | 1
    return line("ssh-rsa", E, b"\0" + number.to_bytes(bits // 8, "big"))


HOSTILE = {
    "": KeyWrong.NO_KEY,
    "ssh-ed25519": KeyWrong.NO_KEY,
    "hej": KeyWrong.NO_KEY,
    f"{GOOD}\n{GOOD}": KeyWrong.NO_KEY,
    f"{GOOD}\r{GOOD}": KeyWrong.NO_KEY,
    f"{GOOD}\0": KeyWrong.NO_KEY,
    f"{GOOD} a\0b": KeyWrong.NO_KEY,
    f"{GOOD} \x1b[2J": KeyWrong.NO_KEY,
    f"{GOOD} {'x' * LINE_MAX}": KeyWrong.NO_KEY,
    "A" * 1_000_000: KeyWrong.NO_KEY,
    f'command="sh" {GOOD}': KeyWrong.KIND,
    f'restrict,from="*" {GOOD}': KeyWrong.KIND,
    f"cert-authority {GOOD}": KeyWrong.KIND,
    f"@cert-authority * {GOOD}": KeyWrong.KIND,
    f"# {GOOD}": KeyWrong.KIND,
    f"technician@h {GOOD}": KeyWrong.KIND,
    f"ssh-ed25519,command {GOOD.split()[1]}": KeyWrong.KIND,
    line("ssh-dss", b"\1" * 128, b"\1" * 20, b"\1" * 128, b"\1" * 128): KeyWrong.KIND,
    line("sk-ssh-ed25519@openssh.com", b"k" * 32, b"ssh:"): KeyWrong.KIND,
    line("sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", b"\4" * 65, b"ssh:"): KeyWrong.KIND,
    line("ssh-ed25519-cert-v01@openssh.com", b"n" * 32, b"k" * 32): KeyWrong.KIND,
    line("ecdsa-sha2-nistp224", b"nistp224", b"\4" * 57): KeyWrong.KIND,
    line("ecdsa-sha2-1.3.132.0.10", b"1.3.132.0.10", b"\4" * 65): KeyWrong.KIND,
    line("ecdsa-sha2-", b"", b"\4" * 65): KeyWrong.KIND,
    f"SSH-ED25519 {GOOD.split()[1]}": KeyWrong.KIND,
    "ssh-ed25519 !!!!": KeyWrong.BROKEN,
    "ssh-ed25519 AAAA\u200b": KeyWrong.BROKEN,
    "ssh-ed25519 \ud800": KeyWrong.BROKEN,
    GOOD[:-1]: KeyWrong.BROKEN,
    GOOD[:-4]: KeyWrong.BROKEN,
    f"{GOOD}=": KeyWrong.BROKEN,
    f"{GOOD[:20]} {GOOD[20:]}": KeyWrong.BROKEN,
    f"{GOOD}AAAA": KeyWrong.BROKEN,
    line("ssh-ed25519", b"k" * 31): KeyWrong.BROKEN,
    line("ssh-ed25519", b"k" * 32, b""): KeyWrong.BROKEN,
    line("ssh-ed25519", b"k" * 32, named="ssh-rsa"): KeyWrong.BROKEN,
    line("ssh-rsa", b"k" * 32, named="ssh-ed25519"): KeyWrong.BROKEN,
    line("ecdsa-sha2-nistp256", b"nistp384", b"\4" * 65): KeyWrong.BROKEN,
    line("ecdsa-sha2-nistp256", b"nistp256", b"\2" * 33): KeyWrong.BROKEN,
    line("ecdsa-sha2-nistp256", b"nistp256", b"\2" * 65): KeyWrong.BROKEN,
    line("ssh-rsa", E): KeyWrong.BROKEN,
    line("ssh-rsa", E, b""): KeyWrong.BROKEN,
    line("ssh-rsa", E, b"\xff" * 384): KeyWrong.BROKEN,
    line("ssh-rsa", E, b"\0\0" + b"\xff" * 384): KeyWrong.BROKEN,
    line("ssh-rsa", b"\2", b"\0" + b"\xff" * 384): KeyWrong.BROKEN,
    line("ssh-rsa", b"\1", b"\0" + b"\xff" * 384): KeyWrong.BROKEN,
    line("ssh-rsa", b"\1" * 9, b"\0" + b"\xff" * 384): KeyWrong.BROKEN,
    line("ssh-rsa", E, b"\0" + b"\xfe" * 384): KeyWrong.BROKEN,
    "ssh-ed25519 " + base64.b64encode(b"\xff\xff\xff\xff" * 9).decode(): KeyWrong.BROKEN,
    rsa(1024): KeyWrong.SHORT,
    rsa(2048): KeyWrong.SHORT,
    rsa(3064): KeyWrong.SHORT,
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1r": KeyWrong.PRIVATE,
    "-----BEGIN RSA PRIVATE KEY-----\n" + "A" * 5000: KeyWrong.PRIVATE,
    "PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\nAAAA": KeyWrong.PRIVATE,
}


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_key_is_refused(text: str) -> None:
    assert read(text) is HOSTILE[text]


@pytest.mark.parametrize("text", [GOOD, P256, rsa(3072), rsa(4096), rsa(16_384)], ids=range(5))
def test_a_key_is_kept_without_what_stands_beside_it(text: str) -> None:
    """So that nothing but kind and key comes to where sshd reads."""
    behind = ' command="sh" \u2028ssh-rsa x\x85 å'
    behind = behind if len(text) + len(behind) < LINE_MAX else ""
    for given in (text, f"  {text}\r\n", text.replace(" ", " \t "), text + behind):
        found = read(given)
        assert isinstance(found, SshKey) and found.line == text, given


def test_a_broken_key_is_never_a_fault() -> None:
    """Each character of a good one changed, and each cut: a key or a reason, never two lines."""
    for at in range(len(P256)):
        for other in ("", "\n", "\0", "=", "å", " ", "A"):
            found = read(P256[:at] + other + P256[at + 1 :])
            assert isinstance(found, KeyWrong) or found.line.isprintable()
        read(P256[:at])


@needs_keygen
@pytest.mark.parametrize(
    ("kind", "bits", "why"),
    [
        ("ed25519", "", None),
        ("ecdsa", "256", None),
        ("ecdsa", "384", None),
        ("ecdsa", "521", None),
        ("rsa", "3072", None),
        ("rsa", "2048", KeyWrong.SHORT),
        ("rsa", "1024", KeyWrong.SHORT),
    ],
)
def test_real_keys_are_read_as_openssh_reads_them(
    tmp_path: Path, kind: str, bits: str, why: KeyWrong | None
) -> None:
    """The same fingerprint; and what OpenSSH signs of it, or keeps in secret, is refused."""
    key = tmp_path / "key"
    size = ["-b", bits] if bits else []
    run(["-q", "-t", kind, *size, "-N", "", "-C", "åsa on a phone", "-f", str(key)])
    found = read(key.with_suffix(".pub").read_text())
    if why is not None:
        assert found is why
        return
    assert isinstance(found, SshKey)
    (tmp_path / "kept.pub").write_text(found.line + "\n")
    assert run(["-l", "-f", str(tmp_path / "kept.pub")]).split()[1] == found.fingerprint
    assert read(key.read_text()) is KeyWrong.PRIVATE
    run(["-q", "-s", str(key), "-I", "x", "-n", "technician", str(key.with_suffix(".pub"))])
    assert read((tmp_path / "key-cert.pub").read_text()) is KeyWrong.KIND


@needs_keygen
def test_what_openssh_does_not_read_is_not_taken(tmp_path: Path) -> None:
    """Of all that a stranger gave above: nothing is taken here that OpenSSH calls no key."""
    for at, text in enumerate([*HOSTILE, GOOD, rsa(3072), rsa(16_384)]):
        file = tmp_path / f"{at}.pub"
        file.write_text(text[:100_000], "utf-8", "replace")
        read_there = subprocess.run(
            [str(KEYGEN), "-l", "-f", str(file)], capture_output=True, check=False, timeout=60
        )
        found = read(text)
        if isinstance(found, SshKey):
            assert found.fingerprint.encode() in read_there.stdout, text[:80]


def run(args: list[str]) -> str:
    return subprocess.run(
        [str(KEYGEN), *args], check=True, capture_output=True, text=True, timeout=120
    ).stdout
