"""The desk's database: tables, migrations, and everything that reads or writes it."""
