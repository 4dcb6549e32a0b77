"""Which of the staff server's tests run on PostgreSQL too, and why.

The rule: a test runs on both databases when what it shows can differ there: how a statement is
written or planned, what is locked while two act at once, what a trigger or a notification does,
how a type comes back (times, bytes, JSON, booleans).  Who may do what, what a page says and how a
request is refused is the same Python over rows already read: it runs on SQLite alone.  A run
of everything fails at its end for each module that sends statements and never sent one to
PostgreSQL (`tests/staff/reach.py`).  Migrations have both kinds in `storage/test_schema.py`.

Not for: databases themselves (`conftest.py`, `postgres.py`).
"""

from __future__ import annotations

ON_BOTH = {
    "homelink.test_odd_texts": "a character that no column of PostgreSQL has",
    "homelink.test_ingest": "order, conflicts, the same twice; bodies, hashes, times",
    "homelink.test_log_in_memory": "which log is the newest: rows ordered by a subquery",
    "homelink.test_urgent": "the same event over two lanes: inserted once, whichever comes first",
    "homelink.test_urgent_together": "rows of many homes in one statement",
    "homelink.test_catching_up.test_a_home_says_how_far_it_is": "counted by case",
    "homelink.test_trust.test_a_rebuild_mends_what_was_harmed": "marks, and rows given back",
    "homelink.test_trust.test_every_fold_leaves_another_homes_rows_alone": "rows looked up by name",
    "homelink.test_bounds.test_a_far_time_counts_as_the_time_of_arrival": "what a time can be",
    "homelink.test_bounds.test_a_boots_times_are_not_moved_into_the_future": "times moved in SQL",
    "homelink.test_bounds.test_a_value_that_cannot_be_meant_counts_for_nothing": "number sizes",
    "homelink.test_bounds.test_a_character_that_no_text_has_blocks_nothing": "what text can hold",
    "homelink.test_newer_homes.test_what_cannot_be_read_is_told_once_a_kind": "what was told: rows",
    "runtime.test_server": "killed under load; several workers",
    "realtime.test_live": "screens are told by LISTEN and NOTIFY",
    "runtime.test_watch": "who leads among workers; silence is counted in the database's times",
    "runtime.test_channel_watch.test_a_way_that_fails_is_told_once": "whose ways: roles by exists",
    "runtime.test_gathering.test_another_worker_goes_on_with_it": "locks; counts and joins",
    "runtime.test_gathering.test_who_works_in_a_part_takes_that_part": "counted for each person",
    "care.test_reads": "many logs written to at once: locks, bytes, and what is read back",
    "care.test_reads_afterwards.test_a_death_loses_nothing_and_doubles_nothing": "times compared",
    "channels.test_mqtt.test_states_are_found_kept_and_withdrawn": "what exists, as a boolean; an "
    "outer join",
    "checks.test_claims.test_a_visit_has_one_who_goes": "what asks for one: times by coalesce",
    "checks.test_claims.test_a_visit_is_settled_by_hand_with_a_reason": "settled once, with words",
    "checks.test_looks_left.test_who_called_it_well_without_a_picture_is_not_believed": "which "
    "checks a look was for, while they change",
    "looks.test_sessions.test_two_never_look_at_once": "one of a home, held by its row",
    "looks.test_sessions.test_a_look_only_goes_forward": "states that only go forward",
    "installs.test_hearing.test_a_home_that_goes_silent_is_said_and_asked_anew": "rows changed, by "
    "how many there were; times",
    "installs.test_hearing.test_one_at_a_time_and_for_who_asked": "rows taken away, by their time",
    "care.test_actions": "two people act on one alarm: what is locked, who is first",
    "doors.test_lock_orders": "one order at a time, with a time-out in the statement",
    "doors.test_given_codes.test_a_home_that_starts_anew_is_told_again": "which are stale: a join",
    "ladders.test_alarm_centre.test_the_second_address_counts_too": "told, in rows",
    "ladders.test_centre_calls.test_nobody_may_call_once_the_alarm_is_closed": "two tables joined, "
    "the newest answers, JSON in text",
    "ladders.test_definitions.test_the_first_ladder_that_fits_is_climbed": "kept by an upsert; the "
    "order, and the rows taken away",
    "ladders.test_definitions.test_a_calendar_says_who_is_on_call": "shifts by their times, in one",
    "ladders.test_definitions.test_a_rota_that_a_ladder_names_stays": "a name within text",
    "ladders.test_faults.test_killed_between_sending_and_noting": "rows taken under a lease",
    "ladders.test_faults.test_a_second_address_is_tried_before_the_next_person": "rows locked",
    "ladders.test_faults.test_an_alarm_from_before_gets_its_ladder": "inserted from a query",
    "ladders.test_burst.test_a_burst_is_told_in_a_few_transactions": "rows taken under a lease",
    "ladders.test_answers.test_acknowledged_and_nothing_more": "rows woken and kept whole",
    "ladders.test_mass.test_five_hundred_homes_without_power_are_one_message": "many rows in one",
    "visits.test_visit_actions": "who is there now, and corrections: statements over spans of time",
    "visits.test_visit_export": "a month's visits in one statement",
    "visits.test_plan": "a plan is merged into what is there: updates, withdrawals, spans of time",
    "audit.test_access_groups": "rows grouped by hour, and by what is in their text",
    "audit.test_access_log": "rows that a trigger guards against change",
    "places.test_positions.test_one_alarm_for_one_trouble": "fixes judged by time, and kept",
    "places.test_positions.test_a_withdrawn_consent_erases_at_once_and_refuses": "many rows go",
    "places.test_positions.test_positions_are_erased_after_the_days_of_the_organisation": "by time",
    "relatives.test_relatives.test_a_link_works_once_and_for_days": "used by one: returning",
    "relatives.test_relatives.test_arrived_left_and_absence_are_told_once_without_a_name": "rows "
    "taken under a lease",
    "relatives.test_relatives.test_a_withdrawn_consent_ends_everything_at_once": "rows go with it",
    "talk.test_calls.test_a_call_only_goes_forward": "states that only go forward, in statements",
    "signin.test_sessions": "written by Flask-Security's mapper; times with and without a zone",
    "signin.test_second_factor": "passkeys and codes: bytes, lists, and counters that only rise",
    "signin.test_guessing.test_guesses_from_many_addresses_are_slowed": "counted one at a time",
    "signin.test_guessing.test_the_table_is_bounded": "the oldest rows go, by a subquery",
    "signin.test_sign_on_groups.test_groups_give_and_take_at_each_sign_in": "joins; rows locked",
    "signin.test_sign_on_groups.test_a_group_is_compared_letter_by_letter": "collations",
    "signin.test_sign_on_groups.test_what_a_group_gives_changes_at_once": "rows go with a group",
    "signin.test_sign_on_groups.test_who_is_unknown_gets_an_account_where_the_organisation_wants_it"
    "": "flags; an account and its id",
    "signin.test_sign_on_groups.test_what_was_taken_back_no_group_gives_again": "upserts; joins",
    "signin.test_sign_on_groups.test_an_id_that_no_database_keeps_is_refused": "U+0000 in a text",
    "signin.test_sign_on_groups.test_two_first_sign_ins_make_one_account": "locks",
    "signin.test_grace.test_the_first_day_begins_with_the_first_password": "times in a join",
    "homelink.test_key_rotation": "two keys of a home at once",
    "homelink.test_routes.test_a_code_works_once": "used by one of two who try",
    "homelink.test_routes.test_a_gateway_that_asks_twice_at_once_is_answered_twice": "locks",
    "homelink.test_routes.test_the_stream_has_everything_in_order": "read in order",
    "homelink.test_routes.test_a_long_absence_is_caught_up": "read in pieces, from a position",
    "visits.test_plan_api.test_a_plan_in_json": "a token found by its hash; all or nothing",
    "cli.test_people.test_a_team_works_where_its_areas_are": "who works where: five tables joined",
    "people.test_access_revocation": "many rows change at once",
    "cli.test_organisations.test_an_organisation_sets_how_long_a_password_is_enough": "a number",
    "cli.test_reach.test_a_number_is_added_and_shown": "the last place, by coalesce; once only",
    "cli.test_reach.test_whom_a_step_names_is_found_by_name": "names in the very same letters",
    "cli.test_visits.test_a_plan_from_a_file": "a plan is merged into what is there",
    "cli.test_visits.test_tokens_and_tags": "revoked: how many rows there were",
    "cli.test_visits.test_what_is_written_out": "days as times; many homes as one parameter",
    "people.test_large_groups": "rows of many accounts written from a query",
    "people.test_way_in.test_a_new_address_waits_for_a_change_of_the_same_account": "locks",
    "people.test_way_in.test_an_id_is_of_one_person": "text in the very same letters",
    "people.test_way_in.test_two_administrators_do_not_take_each_other_away": "locks",
    "people.test_home_details.test_a_change_is_noted_and_the_home_hears_of_it": "several rows",
    "doors.test_service_access.test_requests_are_counted_for_those_who_may_answer": "counted",
    "releases.test_holdups.test_a_stop_in_the_middle_of_a_round_reaches_who_is_just_told": "locks",
    "releases.test_holdups.test_two_who_decide_in_the_same_second": "locks, and a unique index",
    "pages.test_alarm_page.test_every_step_stands_on_the_alarms_page": "text within text; times "
    "between",
    "pages.test_alarm_page.test_a_pendant_pressed_again_adds_to_its_alarm": "rows counted",
    "pages.test_alarm_page.test_what_was_taken_back_in_the_home_is_still_seen": "for an hour",
    "pages.test_ladder_pages.test_a_ladder_is_put_back": "what was, as JSON, by an upsert",
    "pages.test_ladder_pages.test_the_order_is_put_back": "the order, written row by row",
    "pages.test_seen.test_what_was_shown_is_an_event_once": "many rows, inserted once",
    "pages.test_seen.test_it_is_the_proof_of_the_ladders_message": "rows of one person",
    "pages.test_lists.test_names_stand_in_the_order_of_the_alphabet": "how text is sorted",
    "pages.test_folds": "rows counted by the hour, and cut at a page's end",
    "storage.test_errors": "the driver's own words",
    "storage.test_among": "lists and pairs as one parameter, and what index they use",
    "storage.test_outage": "a server that goes away in the middle",
    "test_odd_input.test_what_no_text_holds_is_refused_from_a_home": "what text can hold",
    "test_odd_input.test_what_no_text_holds_is_refused_from_a_planning_system": "likewise",
    "test_odd_input.test_what_no_text_holds_is_refused_from_whoever_else_asks": "likewise",
    "pages.test_queries": "each page's statements: filtered, searched, paged, the same answer",
}
"""Module, or module and test, to what can differ."""


def on_both(module: str, test: str) -> bool:
    """Whether a test (`tests.staff.care.test_actions`, `test_…`) runs on both kinds of database."""
    name = module.removeprefix("tests.staff.")
    return name in ON_BOTH or f"{name}.{test}" in ON_BOTH
