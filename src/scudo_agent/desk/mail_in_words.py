"""Why a mail that came in is where it is, for the provider's people."""

from collections.abc import Mapping

from scudo_agent.desk.mail.why import Outcome, Why
from scudo_agent.text import T, Text

OUTCOMES: Mapping[Outcome, Text] = {
    Outcome.LANDED: T("on its ticket"),
    Outcome.OPENED: T("a request"),
    Outcome.NOTED: T("noted"),
    Outcome.QUARANTINED: T("set aside"),
    Outcome.DISCARDED: T("discarded"),
}
"""What became of a mail."""

WHYS: Mapping[Why, Text] = {
    Why.REPLY: T("It answers a mail of the ticket."),
    Why.REQUEST: T("Its sender is known, and it answers nothing."),
    Why.BOUNCE: T("A mail of ours could not be delivered."),
    Why.DELAY: T("A mail of ours is not delivered yet."),
    Why.RECEIPT: T("A receipt: certified mail and mail programs send those."),
    Why.AUTO: T("An automatic answer."),
    Why.CALENDAR: T("An answer to an invitation."),
    Why.LIST: T("A mailing list or a newsletter."),
    Why.LOOP: T("It is a mail of the desk itself that came back."),
    Why.HOSTILE: T("It is too large, or no mail program writes such a thing."),
    Why.NO_SENDER: T("It names no sender, or several."),
    Why.UNKNOWN_SENDER: T("Nobody here has the sender's address."),
    Why.NOT_ALLOWED: T("It answers a mail of this ticket, but its sender has no say."),
    Why.REF_ONLY: T("It names this ticket's number, which anybody can."),
    Why.BAD_ADDRESS: T("It came to a reply address that was not made for its sender."),
    Why.TOO_MANY: T("Its sender wrote too many mails within an hour."),
    Why.WHICH_CUSTOMER: T("Several customers have the sender's address."),
    Why.WHICH_SITE: T("The customer has no site, or several: choose the one."),
    Why.STAFF: T("One of us wrote it, and it answers nothing."),
    Why.STAFF_ELSEWHERE: T(
        "It says that one of us wrote it, but answers a mail that went to a customer."
    ),
    Why.PERHAPS_AUTO: T("Only its subject looks like an automatic answer."),
    Why.REFUSED: T("The ticket or the contract does not take it as it is."),
    Why.NO_ROOM: T("It was the oldest of too many that were set aside."),
}
"""By which rule."""
