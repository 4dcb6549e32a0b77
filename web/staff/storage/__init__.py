"""The database: its tables, its migrations, events in rows.  Knows no page and no right."""
