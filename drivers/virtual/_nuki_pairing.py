"""The lock's side of Nuki's pairing dialogue, for the virtual lock.

Not for: the radio, or whether the button is held.
"""

from __future__ import annotations

import os
import struct

from nacl.public import PrivateKey

from drivers.locks import nuki_protocol as nuki
from drivers.locks.nuki_protocol import Command, Status


class PairingDialogue:
    """One dialogue.  `done` is the new user's id and key at its end."""

    def __init__(self) -> None:
        self.done: tuple[int, bytes] | None = None
        self._private = PrivateKey.generate()
        self._public = bytes(self._private.public_key)
        self._other = b""
        self._key = b""
        self._nonce = b""
        self._auth_id = b""

    def answer(self, message: nuki.Message) -> bytes | int:
        """The frame to answer with, or an error code."""
        payload = message.payload
        if message.command == Command.REQUEST:
            return nuki.pack(Command.PUBLIC_KEY, self._public)
        if message.command == Command.PUBLIC_KEY:
            self._other = payload
            self._key = nuki.shared_key(bytes(self._private), payload)
            return self._challenge()
        if not self._key:
            return 0xFF
        if message.command == Command.AUTHENTICATOR:
            if payload != nuki.h1(self._key, self._other, self._public, self._nonce):
                return 0x11
            return self._challenge()
        if message.command == Command.AUTHORISATION_DATA:
            return self._authorise(payload)
        if message.command == Command.CONFIRM_ID and self._auth_id:
            proof = nuki.h1(self._key, self._auth_id, self._nonce)
            if payload != proof + self._auth_id:
                return 0x11
            self.done = struct.unpack("<I", self._auth_id)[0], self._key
            return nuki.pack(Command.STATUS, bytes([Status.COMPLETE]))
        return 0xFF

    def _authorise(self, payload: bytes) -> bytes | int:
        proof, who = payload[:32], payload[32:]
        if len(who) != 1 + 4 + 32 + 32 or proof != nuki.h1(self._key, who, self._nonce):
            return 0x11
        self._nonce = os.urandom(32)
        self._auth_id = os.urandom(4)
        uuid = os.urandom(16)
        proof = nuki.h1(self._key, self._auth_id, uuid, self._nonce, who[-32:])
        return nuki.pack(Command.AUTHORISATION_ID, proof + self._auth_id + uuid + self._nonce)

    def _challenge(self) -> bytes:
        self._nonce = os.urandom(32)
        return nuki.pack(Command.CHALLENGE, self._nonce)
