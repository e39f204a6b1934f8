"""Small sites for tests, as files."""

from pathlib import Path

CONTRACT = """\
id: prova
title: Prova
timezone: Europe/Rome
year_start: 2026-01-01
uptime: {target: 99.0}
"""

SITE = """\
version: 1
site: prova
customer: {id: acme, name: ACME S.p.A., mail: it@acme.example, language: it}
timezone: Europe/Rome
contract: contract.yaml
desk: embedded
vantage: [gateway/ping]
defaults: {interval: 60s, timeout: 5s, confirm: 3, recover: 2, reprobe: 10s}
targets:
  here: {local: true, checks: {disk: {host: {disk: /, warn: 85%, degraded: 95%}}}}
  gateway: {address: 192.0.2.1, checks: {ping: icmp}}
  switch: {address: 192.0.2.2, checks: {ping: icmp}}
  erp:
    address: 192.0.2.10
    depends_on: [switch/ping]
    checks: {db: {tcp: {port: 5432}}, web: {tcp: {port: 443}}}
  isp-a: {address: 198.51.100.1, depends_on: [gateway/ping], checks: {ping: icmp}}
services:
  erp:
    title: {it: Gestionale, en: ERP}
    contracted: true
    checks: [erp/web, erp/db]
    need: all
  rete: {title: {it: Rete, en: Network}, checks: [isp-a/ping, switch/ping], need: any}
"""

DESK = """\
listen: {port: 0}
provider: {name: Fornitore, mail: noc@provider.example}
mail: {from: desk@provider.example}
"""


def write_site(folder: Path, text: str = SITE) -> Path:
    """A site file with its contract and desk settings; returns the site file."""
    (folder / "contract.yaml").write_text(CONTRACT, "utf-8")
    (folder / "desk.yaml").write_text(DESK, "utf-8")
    path = folder / "site.yaml"
    path.write_text(text, "utf-8")
    return path
