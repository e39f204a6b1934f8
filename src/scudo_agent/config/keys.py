"""Credentials and the desk's key: put together, with their secrets read."""

from pathlib import Path

from scudo_agent.config.document import Document, Loc
from scudo_agent.config.secret import Secret, resolve
from scudo_agent.config.shape import CredentialFile, DeskFile, SnmpCredentialFile
from scudo_agent.config.site import DeskLink, SnmpCredential
from scudo_agent.errors import Fault, InputError

_MIN_KEY = 8
"""SNMPv3 refuses shorter passwords (RFC 3414, 11.2)."""

_V3_ONLY = ("user", "auth", "auth_key", "priv", "priv_key")


class KeyReader:
    """Reads secrets by reference; `faults` has those that cannot be read.

    With `secrets` false nothing is read: the secrets are empty, for looking at
    a file on a machine that does not have them.
    """

    def __init__(self, doc: Document, *, base: Path, secrets: bool) -> None:
        self.faults: list[Fault] = []
        self._doc = doc
        self._base = base
        self._secrets = secrets

    def credential(self, name: str, file: CredentialFile) -> SnmpCredential:
        """A credential whose parts fit together."""
        loc: Loc = ("credentials", name, "snmp")
        snmp = file.snmp
        self._combination(name, snmp, loc)
        return SnmpCredential(
            version=snmp.version,
            community=self._secret(snmp.community, (*loc, "community")),
            user=snmp.user,
            auth=snmp.auth,
            auth_key=self._key(snmp.auth_key, (*loc, "auth_key")),
            priv=snmp.priv,
            priv_key=self._key(snmp.priv_key, (*loc, "priv_key")),
        )

    def desk(self, file: DeskFile | None) -> DeskLink:
        """The way to the desk; without `file` it is embedded."""
        if file is None:
            return DeskLink()
        ca = self._base / file.ca if file.ca else None
        if ca is not None and self._secrets and not ca.is_file():
            self._fault(
                ("desk", "ca"), f"the certificate file '{file.ca}' is not there"
            )
        return DeskLink(
            url=file.url, key=self._secret(file.key, ("desk", "key")), ca=ca
        )

    def _secret(self, reference: str | None, loc: Loc) -> Secret | None:
        if reference is None:
            return None
        if not self._secrets:
            return Secret("", reference=reference)
        try:
            return resolve(reference, base=self._base)
        except (InputError, ValueError) as exc:
            # ValueError: a name that no file or variable can have.
            what = str(exc) if isinstance(exc, InputError) else f"{reference}: {exc}"
            self._fault(loc, what)
            return None

    def _key(self, reference: str | None, loc: Loc) -> Secret | None:
        key = self._secret(reference, loc)
        if key is not None and self._secrets and len(key.reveal()) < _MIN_KEY:
            what = f"{reference}: SNMPv3 needs a key of at least {_MIN_KEY} characters"
            self._fault(loc, what)
        return key

    def _combination(self, name: str, snmp: SnmpCredentialFile, loc: Loc) -> None:
        who = f"credential '{name}'"
        if snmp.version != 3:
            if snmp.community is None:
                self._fault(
                    loc, f"{who} has no 'community', which SNMP v1 and v2c need"
                )
            for key in _V3_ONLY:
                if getattr(snmp, key) is not None:
                    what = f"'{key}' of {who} belongs to SNMP version 3"
                    self._fault((*loc, key), what, key=True)
            return
        if snmp.community is not None:
            what = f"'community' of {who} belongs to SNMP versions 1 and 2c"
            self._fault((*loc, "community"), what, key=True)
        if snmp.user is None:
            self._fault(loc, f"{who} has no 'user', which SNMP version 3 needs")
        for word, key in (("auth", "auth_key"), ("priv", "priv_key")):
            have, other = (word, key) if getattr(snmp, word) else (key, word)
            if (getattr(snmp, word) is None) != (getattr(snmp, key) is None):
                what = f"{who} has '{have}' and no '{other}'; both or neither"
                self._fault((*loc, have), what, key=True)
        if snmp.priv is not None and snmp.auth is None:
            what = f"{who} has 'priv' without 'auth': SNMPv3 has no privacy without it"
            self._fault((*loc, "priv"), what, key=True)

    def _fault(self, loc: Loc, what: str, *, key: bool = False) -> None:
        self.faults.append(self._doc.fault(loc, what, key=key))
