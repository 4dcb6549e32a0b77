"""Which tables are folds over events, made by `web.staff.events.projections.rebuild`; `tryggve
staff rebuild` makes them anew.

Urgent events overtake older ones, so a row of theirs may be begun by an event that is not its
first: what has not been seen yet is NULL.  Not for: how an event is folded.
"""

from __future__ import annotations

from web.staff.storage.tables.alarms import alarm, alarm_repeat
from web.staff.storage.tables.configs import config_state, home_config
from web.staff.storage.tables.devices import battery_point, device, home_state
from web.staff.storage.tables.doors import door_code, service_request, turn
from web.staff.storage.tables.event_log import set_aside
from web.staff.storage.tables.night_checks import check_plan, night_check, plan_state
from web.staff.storage.tables.second_path import chain_test, path_message
from web.staff.storage.tables.upkeep import home_trial, home_update, ssh_hour
from web.staff.storage.tables.visits import visit, visit_declined

PROJECTIONS = (
    ssh_hour,
    home_trial,
    home_update,
    home_config,
    config_state,
    check_plan,
    plan_state,
    path_message,
    chain_test,
    alarm,
    alarm_repeat,
    battery_point,
    night_check,
    visit,
    visit_declined,
    device,
    home_state,
    turn,
    door_code,
    service_request,
    set_aside,
)
"""Tables that are folds over events and may be emptied and made anew."""
