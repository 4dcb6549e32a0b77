"""A pushed alarm in a real browser: the page adds the device, the service worker shows what comes
and says so itself.

The browser's push service is somewhere in the world: `subscribe` gives a device of ours instead,
what the server pushes to it is opened with its key, and handed to the real service worker as the
push service does (`ServiceWorker.deliverPushMessage`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask import Response, request

from tests.browser.conftest import PHONE, LiveServer
from tests.browser.test_pages import expect
from tests.staff.channels import twin_push
from tests.staff.channels.test_contract import MESSAGE, given
from tests.staff.parts import parts_of
from web.staff import channels
from web.staff.channels import points
from web.staff.channels.contract import Address, Channel, Incoming, Proof, Reply, Report
from web.staff.core.secret_files import SecretFiles

pytestmark = pytest.mark.browser

Open = Callable[..., Any]

LOOKS = 1200
"""As many as fit into a minute, twenty a second."""

SUBSCRIBED = """
PushManager.prototype.subscribe = async () => ({ toJSON: () => (%s) });
"""


@dataclass
class Pushing:
    """The server's channel, the device, and what the service worker answered."""

    channel: Channel
    device: twin_push.Device
    service: Any
    heard: list[Incoming] = field(default_factory=list)

    def last(self) -> str:
        """What was pushed last, as the device reads it."""
        return json.dumps(json.loads(self.service.sent().splitlines()[-1])[1])


@contextmanager
def pushing(live: LiveServer, folder: Path) -> Iterator[Pushing]:
    """The server pushes to a service of ours, and hears what devices answer."""
    parts = parts_of(live.app)
    secrets = SecretFiles(parts.config.secrets_dir)
    with twin_push.running(folder) as twin:
        given(secrets, twin.secrets)
        update = {"channels": {"push": twin.settings}}
        parts.config = parts.config.model_copy(update=update)
        ways = channels.open_all(parts, secrets)
        live.app.extensions[channels.EXTENSION] = ways
        pushed = Pushing(ways["push"], twin_push.Device(), twin)

        def hear() -> Response | None:
            if not request.path.startswith("/kanal/push/"):
                return None
            told = pushed.channel.incoming({}, {}, request.get_data())
            pushed.heard.append(told)
            for report in told.reports:
                points.report(parts, "push", report)
            return Response(status=204)

        live.app.before_request_funcs.setdefault(None, []).insert(0, hear)
        yield pushed


def registration(page: Any) -> tuple[Any, str]:
    """A session with the browser, and the service worker's registration."""
    session = page.context.new_cdp_session(page)
    found: list[str] = []
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda said: found.extend(one["registrationId"] for one in said["registrations"]),
    )
    session.send("ServiceWorker.enable")
    page.wait_for_function("navigator.serviceWorker.ready.then(() => true)")
    for _ in range(LOOKS):
        if found:
            break
        page.wait_for_timeout(50)  # events come while Playwright waits
    return session, found[-1]


SHOWN = """async (titles) => {
    const notes = await (await navigator.serviceWorker.ready).getNotifications();
    const shown = notes.map(({title, body, tag, requireInteraction, actions}) =>
        ({title, body, tag, requireInteraction, actions: actions.map((a) => a.action)}));
    const found = shown.map((one) => one.title).sort().join();
    return titles === null || found === titles.join() ? shown : false;
}"""


def test_a_replaced_subscription_is_told_and_proved_anew(
    open_page: Open,
    sign_in: Callable[..., None],
    night: Any,
    live_server: LiveServer,
    tmp_path: Path,
) -> None:
    """The service worker tells the server, with what it kept when the device was added, and again
    with the next page while the server does not hear it; the test alarm that comes proves it."""
    with pushing(live_server, tmp_path) as pushed:
        page = open_page(PHONE)
        page.context.grant_permissions(["notifications"], origin=live_server.url)
        before = json.loads(pushed.device.subscription(endpoint_of(pushed)))
        page.add_init_script(SUBSCRIBED % json.dumps(before))
        pushed.service.opened_by(pushed.device)
        sign_in(page)
        page.goto(f"{live_server.url}/larmvagar")
        page.get_by_test_id("device-add").click()
        expect(page.get_by_test_id("trial")).to_contain_text("inte framme än")
        session, id_ = registration(page)
        [worker] = page.context.service_workers
        after = before | {"endpoint": before["endpoint"] + "-2"}
        page.context.set_offline(True)
        worker.evaluate(MOVED, after)
        page.context.set_offline(False)
        page.reload()
        expect(page.get_by_test_id("unproved")).to_be_visible()
        for _ in range(LOOKS):  # see `shown`
            if page.evaluate(KNOWN, after["endpoint"]):
                break
            page.wait_for_timeout(50)
        told = {"origin": live_server.url, "registrationId": id_, "data": pushed.last()}
        session.send("ServiceWorker.deliverPushMessage", told)
        for _ in range(LOOKS):
            if pushed.heard:
                break
            page.wait_for_timeout(50)  # the device says that it showed it
        page.reload()
        expect(page.get_by_test_id("proved")).to_be_visible()


MOVED = """async (made) => {
    await moved({ newSubscription: { toJSON: () => made } });
}"""

KNOWN = """async (endpoint) => {
    const kept = await (await caches.open("tryggve-device")).match("/known");
    return kept && (await kept.json()).endpoint === endpoint;
}"""


def endpoint_of(pushed: Pushing) -> str:
    """Where the push service has the device."""
    return str(json.loads(pushed.service.address.value)["endpoint"])


def shown(page: Any, *titles: str) -> list[dict[str, Any]]:
    """The notifications that the device shows, as soon as they are just these; without titles, as
    it is.  (One that takes another's place may be there beside it for a moment, or neither.)"""
    for _ in range(LOOKS):
        # asked anew from here: `wait_for_function` takes the promise of an answer for a yes
        found: list[dict[str, Any]] | bool = page.evaluate(SHOWN, sorted(titles) or None)
        if not isinstance(found, bool):
            return found
        page.wait_for_timeout(50)
    raise AssertionError(f"not shown: {titles}")


def test_a_device_from_the_button_to_the_proof(
    open_page: Open,
    sign_in: Callable[..., None],
    night: Any,
    live_server: LiveServer,
    tmp_path: Path,
) -> None:
    """The button adds the device, the test alarm is shown by the service worker, and the page says
    when it was there; then an alarm: with buttons, over what else is shown, one for each alarm;
    taken from the notification.  What cannot be read is an alarm all the same."""
    with pushing(live_server, tmp_path) as pushed:
        page = open_page(PHONE)
        page.context.grant_permissions(["notifications"], origin=live_server.url)
        endpoint = endpoint_of(pushed)
        page.add_init_script(SUBSCRIBED % pushed.device.subscription(endpoint))
        pushed.service.opened_by(pushed.device)
        sign_in(page)
        page.goto(f"{live_server.url}/larmvagar")
        page.get_by_test_id("device-label").fill("Jobbmobilen")
        page.get_by_test_id("device-add").click()
        expect(page.get_by_test_id("trial")).to_contain_text("inte framme än")
        session, id_ = registration(page)

        def deliver(data: str) -> None:
            values = {"origin": live_server.url, "registrationId": id_, "data": data}
            session.send("ServiceWorker.deliverPushMessage", values)

        deliver(pushed.last())
        expect(page.get_by_test_id("proved")).to_be_visible()
        expect(page.get_by_test_id("trial")).to_contain_text(", framme ")
        [trial] = [one["title"] for one in shown(page)]
        assert trial.startswith("Provlarm ")

        way = page.get_by_test_id("way").get_attribute("data-key")
        to = Address(way, pushed.device.subscription(endpoint))
        pushed.channel.send(MESSAGE, to)
        for _ in range(2):
            deliver(pushed.last())
        notes = shown(page, trial, "Larm 02:14")
        [alarm] = [one for one in notes if one["title"] == "Larm 02:14"]
        assert alarm["requireInteraction"]
        assert alarm["actions"] == ["take", "open"]
        deliver("no JSON at all")
        shown(page, trial, "Larm 02:14", "Larm")

        [worker] = page.context.service_workers
        worker.evaluate(
            "(told) => { pressed(told, 'take').catch(() => {}); }", json.loads(pushed.last())
        )
        taken = Incoming((Report(Proof.SHOWN, MESSAGE.id),), (Reply(to.id, "OK", MESSAGE.id),))
        for _ in range(LOOKS):
            if taken in pushed.heard:
                break
            page.wait_for_timeout(50)
        assert taken in pushed.heard
        assert Incoming((Report(Proof.SHOWN, MESSAGE.id),)) in pushed.heard
