"""`tryggve gateway access-point CODE`: the network that the Pi opens for who installs a home
without internet, as a file of NetworkManager's.

Its password is the home's installation code, which nobody else has: there is no default.  Nothing
is written or started here: that is the package's (tools/deb/scripts/access-point), or whoever calls
it by hand (docs/access-point.md).  Not for: the page that is reached over it (`web.home.install`).
"""

from __future__ import annotations

import argparse
import sys

from gateway.cli.common import Commands, add_config, add_state, config_of, state_of
from gateway.config.addresses import is_loopback
from gateway.config.secrets import FileSecrets
from gateway.doors import install_code
from gateway.errors import ConfigError, UserError
from gateway.wire import split_code

KEYFILE = """\
# The network of a Pi that is installed without internet; tryggve gateway access-point made it.
[connection]
id=tryggve-install
type=wifi
interface-name={interface}
autoconnect=false

[wifi]
mode=ap
ssid={ssid}
band=bg
ap-isolation=1

[wifi-security]
key-mgmt=wpa-psk
proto=rsn
pairwise=ccmp
group=ccmp
psk={password}

[ipv4]
method=shared
address1=10.42.0.1/24

[ipv6]
method=link-local
"""
"""WPA2 with AES alone; whoever is on it reaches the Pi and not each other.  `shared` gives the
phone an address, and hands nothing on where the Pi has no other network.  Each key stands in
NetworkManager's manual (nm-settings-keyfile); that a Pi's own radio does it is to be tried on
one."""

SSID = "Tryggve"


def add_commands(commands: Commands) -> None:
    """Add the command to the subparsers of `tryggve gateway`."""
    point = commands.add_parser(
        "access-point", help="the network for who installs a home without internet"
    )
    point.add_argument("code", metavar="CODE", help="the home's installation code")
    point.add_argument(
        "--interface", default="wlan0", metavar="NAME", help="the Pi's radio (wlan0)"
    )
    add_config(point)
    add_state(point)
    point.set_defaults(run=_access_point)


def keyfile(code: str, interface: str = "wlan0") -> str:
    """The file.  Raises `UserError` for what is no code or no interface."""
    try:
        secret, mark = split_code(code)
    except ValueError as error:
        raise UserError(f"{error}, as XXXXX-XXXXX-XXXXXXXX; type it as it was given.") from error
    if not (interface.isascii() and interface.isalnum() and len(interface) <= 15):
        raise UserError(f"{interface!r} is no network interface, as wlan0.")
    return KEYFILE.format(interface=interface, ssid=SSID, password=f"{secret}-{mark}")


def _access_point(args: argparse.Namespace) -> None:
    text = keyfile(args.code, args.interface)
    if _of_another_home(args):
        raise UserError(
            "this is not the code that this home was enrolled with, and its page would not take it."
        )
    sys.stdout.write(text)
    sys.stdout.flush()
    page = _page(args)
    if page:
        print(page, file=sys.stderr)


def _of_another_home(args: argparse.Namespace) -> bool:
    """Whether the home keeps another code.  Whoever may not see what it keeps is not told."""
    secrets = FileSecrets.from_environment(state_of(args))
    try:
        return secrets.has(install_code.KEPT_AS) and not install_code.is_kept(secrets, args.code)
    except PermissionError:
        return False


def _page(args: argparse.Namespace) -> str:
    """What is still to be done for the page to be reached over the network; empty: nothing."""
    how = f'write host = "0.0.0.0" under [web] in {args.config} and start the gateway anew.'
    try:
        web = config_of(args).web
    except ConfigError as error:
        return f"the page of the home is not there yet: {error.text}"
    if not web.enabled:
        return f"the page of the home is switched off; remove enabled, and {how}"
    if is_loopback(web.host):
        return f"the page of the home is reached from the Pi alone; {how}"
    return ""
