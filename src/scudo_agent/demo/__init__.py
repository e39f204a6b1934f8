"""The demo: a site on this very machine, with servers of its own to watch.

`site` writes the files, `servers` runs a web server and an snmpd, `mails` reads
the Maildir; `scudo_agent.cli.demo` puts them together with a running agent.
"""
