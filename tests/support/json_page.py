"""The schemas of `docs/json.md`: what `--json` prints is as the page says."""

import json
import re
from pathlib import Path

from jsonschema import Draft202012Validator

PAGE = (Path(__file__).parents[2] / "docs" / "json.md").read_text("utf-8")


def validator(name: str) -> Draft202012Validator:
    """The schema that the page gives after `Schema of NAME`;"""
    rest = PAGE[PAGE.index(f"Schema of {name}") :]
    found = re.search(r"```json\n(.*?)```", rest, re.S)
    assert found is not None
    schema = json.loads(found[1])
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


MUTES = "`mute --json`"
WINDOWS = "`maintenance list --json`"
EXPLAINED = "`maintenance explain --json`"
WHY = "`why --json`"
DOCTOR = "`doctor --json`"
OUTBOX = "`outbox --json`"
TICKETS = "`tickets --json`"
USERS = "`desk user list --json`"
CUSTOMERS = "`desk customer list --json`"
MAILS = "`desk outbox --json`"
TOKENS = "`desk token list --json`"
WEBHOOKS = "`desk webhook list --json`"
