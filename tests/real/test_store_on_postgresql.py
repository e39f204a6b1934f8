"""The store's tests, once more: what a desk promises on SQLite holds on PostgreSQL."""

import pytest

from support.on_postgresql import again
from support.on_postgresql import cluster as cluster
from support.on_postgresql import on_postgresql as on_postgresql

pytestmark = pytest.mark.usefixtures("on_postgresql")

globals().update(
    again(
        "test_desk_acts",
        "test_desk_attachments",
        "test_desk_clones",
        "test_desk_coverage",
        "test_desk_events",
        "test_desk_filters",
        "test_desk_ledger",
        "test_desk_mails",
        "test_desk_people",
        "test_desk_requests",
        "test_desk_search",
        "test_desk_silence",
        "test_desk_statements",
        "test_desk_webhooks",
        "test_desk_windows",
        besides=(
            # About the file of an earlier desk.
            "test_sites_of_before_get_the_contract_that_they_name",
            # Of a folder of mails alone.
            "test_a_maildir_gets_the_mail_whole",
            "test_a_maildir_that_cannot_be_written_is_tried_again",
            # Commands, which open the desk that their settings name.
            "test_the_office_says_it_by_command",
        ),
    ),
    # Of these some of each kind: the rights matrix asks every route, too.
    **again(
        "test_desk_api_programs",
        only=(
            "test_pages_of_tickets_follow_each_other",
            "test_a_token_ends_with_its_time_its_revocation_and_its_person",
        ),
    ),
    **again(
        "test_desk_closing",
        only=(
            "test_a_relapse_re_opens_what_the_desk_closed",
            "test_a_restart_changes_nothing",
            "test_a_ticket_of_two_incidents_waits_for_both",
            "test_the_contracts_last_version_decides",
        ),
    ),
    **again(
        "test_mail_in",
        only=(
            "test_a_bounce_marks_the_mail_and_tells_the_provider",
            "test_threat_22_a_forged_sender_and_a_guessed_number_reach_no_ticket",
            "test_what_cannot_be_read_is_kept_as_it_is",
        ),
    ),
    **again(
        "test_mail_quarantine",
        only=(
            "test_a_request_is_opened_of_a_mail_from_when_it_came",
            "test_the_oldest_mails_make_room_and_say_so",
        ),
    ),
    **again(
        "test_desk_moving",
        only=(
            "test_one_customers_export_has_nothing_of_another",
            "test_what_is_exported_is_the_same_after_an_import",
            "test_what_was_altered_is_refused_whole",
        ),
    ),
    **again(
        "test_desk_pair",
        only=(
            "test_a_pair_of_agents_makes_one_ticket",
            "test_one_end_is_told_once_however_often_an_agent_is_silent",
            "test_the_ticket_is_bad_until_both_have_recovered",
        ),
    ),
    **again(
        "test_desk_portal",
        only=(
            "test_a_ticket_shows_evidence_rule_and_history",
            "test_a_session_ends_by_logging_out_and_by_itself",
            "test_the_queue_shows_the_gravest_first_and_what_is_over_last",
        ),
    ),
)
