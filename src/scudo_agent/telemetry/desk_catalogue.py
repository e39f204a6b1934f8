"""The catalogue of the desk's own metrics."""

from scudo_agent.telemetry.metric import SITE, counter, gauge

AGENT = (*SITE, "agent")
"""`agent` is its number at the site."""

DESK_METRICS = (
    gauge(
        "scudo_desk_build_info",
        "1",
        ("version",),
        "Which desk this is.",
        example="scudo_desk_build_info",
    ),
    gauge(
        "scudo_desk_mails_waiting",
        "mails",
        (),
        "Mails that have not left yet and are tried again.",
        example="scudo_desk_mails_waiting > 20",
    ),
    gauge(
        "scudo_desk_mails_failed",
        "mails",
        (),
        "Mails that were refused for good: 'scudo-agent desk outbox' says why.",
        example="scudo_desk_mails_failed > 0",
    ),
    gauge(
        "scudo_desk_oldest_mail_age_seconds",
        "seconds",
        (),
        "Age of the oldest mail that waits; 0 without any.",
        example="scudo_desk_oldest_mail_age_seconds > 600",
    ),
    gauge(
        "scudo_desk_mail_lease_age_seconds",
        "seconds",
        (),
        "How long a worker has had the mail that it took longest ago; 0 without any. "
        "Beyond 300 s another one may take it.",
        example="scudo_desk_mail_lease_age_seconds > 120",
    ),
    counter(
        "scudo_desk_mail_in_total",
        "mails",
        ("outcome",),
        "Mails that came in: landed on a ticket, opened a request, noted, quarantined "
        "or discarded. What people decide later counts nothing.",
        example="increase(scudo_desk_mail_in_total{outcome='quarantined'}[1h]) > 20",
    ),
    gauge(
        "scudo_desk_mail_in_quarantined",
        "mails",
        (),
        "Mails that were set aside and wait for somebody to decide.",
        example="scudo_desk_mail_in_quarantined > 50",
    ),
    gauge(
        "scudo_desk_mail_in_oldest_quarantined_age_seconds",
        "seconds",
        (),
        "How long ago the oldest of them came in; 0 without any.",
        example="scudo_desk_mail_in_oldest_quarantined_age_seconds > 4 * 3600",
    ),
    gauge(
        "scudo_desk_mail_spool_waiting",
        "mails",
        (),
        "Mails that the pipe brought ('desk mail-in') and that the desk has not taken.",
        example="scudo_desk_mail_spool_waiting > 20",
    ),
    gauge(
        "scudo_desk_mail_spool_age_seconds",
        "seconds",
        (),
        "Age of the oldest of them; 0 without any.",
        example="scudo_desk_mail_spool_age_seconds > 300",
    ),
    gauge(
        "scudo_desk_mailbox_up",
        "1",
        (),
        "1 while the mailbox can be read, 0 while it cannot; absent without any.",
        example="scudo_desk_mailbox_up == 0",
    ),
    gauge(
        "scudo_desk_mailbox_looked_timestamp_seconds",
        "seconds since 1970",
        (),
        "When the mailbox was last looked through; at least each 4 minutes.",
        example="time() - scudo_desk_mailbox_looked_timestamp_seconds > 900",
    ),
    gauge(
        "scudo_desk_agent_last_hello_timestamp_seconds",
        "seconds since 1970",
        AGENT,
        "When the agent last greeted the desk; absent before, and once it is revoked.",
        example="time() - scudo_desk_agent_last_hello_timestamp_seconds > 90",
    ),
    gauge(
        "scudo_desk_agent_oldest_unacknowledged_age_seconds",
        "seconds",
        AGENT,
        "Age of the agent's oldest event that the desk had not confirmed at its last "
        "greeting.",
        example="scudo_desk_agent_oldest_unacknowledged_age_seconds > 120",
    ),
    gauge(
        "scudo_desk_agent_key_timestamp_seconds",
        "seconds since 1970",
        AGENT,
        "Since when the agent has its present key; it renews one that is a week old.",
        example="time() - scudo_desk_agent_key_timestamp_seconds > 14 * 86400",
    ),
    gauge(
        "scudo_desk_agent_frozen",
        "0 or 1",
        AGENT,
        "Whether nothing is taken from the agent, since there are two of it.",
        example="scudo_desk_agent_frozen == 1",
    ),
    counter(
        "scudo_desk_gaps_total",
        "events",
        ("stream",),
        "Events that an agent set aside since the desk refused them for good.",
        example="increase(scudo_desk_gaps_total[1d]) > 0",
    ),
    gauge(
        "scudo_desk_store_size_bytes",
        "bytes",
        (),
        "Size of the desk's database on disk.",
        example="deriv(scudo_desk_store_size_bytes[1d])",
    ),
    gauge(
        "scudo_desk_free_bytes",
        "bytes",
        (),
        "What is free on the disk of the desk's database.",
        example="scudo_desk_free_bytes < 200e6",
    ),
    gauge(
        "scudo_desk_reserve_used",
        "0 or 1",
        (),
        "Whether the disk was full, so that the desk's reserve was let go of.",
        example="scudo_desk_reserve_used == 1",
    ),
    gauge(
        "scudo_desk_clock_offset_seconds",
        "seconds",
        (),
        "Wall clock minus the desk's time, which never runs backwards: below 0 the "
        "clock was set back.",
        example="abs(scudo_desk_clock_offset_seconds) > 2",
    ),
    gauge(
        "scudo_desk_backup_timestamp_seconds",
        "seconds since 1970",
        (),
        "When the newest backup of the database was taken; absent before the first.",
        example="time() - scudo_desk_backup_timestamp_seconds > 2 * 86400",
    ),
    gauge(
        "scudo_desk_oldest_unacknowledged_call_age_seconds",
        "seconds",
        (),
        "Since when the desk has been calling about the ticket that nobody takes for "
        "the longest; 0 without any.",
        example="scudo_desk_oldest_unacknowledged_call_age_seconds > 1800",
    ),
    counter(
        "scudo_desk_calls_total",
        "calls",
        ("way", "outcome"),
        "Calls about tickets that nobody took, by `way` (`queue`, `mail`, `channels`) "
        "and what became of them: `sent`, `failed`, or `dropped` since somebody was "
        "faster.",
        example='increase(scudo_desk_calls_total{outcome="failed"}[1h]) > 0',
    ),
)
"""What `/metrics` of the desk says, in the order of the reference."""
