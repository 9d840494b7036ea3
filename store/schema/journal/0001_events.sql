-- Application id "LqJn": a file of another program is never taken for ours.
PRAGMA application_id = 0x4c714a6e;

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The oldest format a loquet must know to read this file.
INSERT INTO meta VALUES ('readable_by', '1');
-- Written after each checkpoint, so that the sync which follows one is not paid by a door.
INSERT INTO meta VALUES ('turn', '0');

-- Never updated. utc is at once more, for people; hash covers all the rest and prev (chain.go).
CREATE TABLE events (
    seq       INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL, -- nanoseconds since 1970, UTC
    utc       TEXT    NOT NULL,
    trust     TEXT    NOT NULL,
    boot      TEXT    NOT NULL,
    mono      INTEGER NOT NULL, -- nanoseconds since that boot, sleep included
    kind      TEXT    NOT NULL,
    device    TEXT    NOT NULL,
    action    TEXT    NOT NULL,
    cause     TEXT    NOT NULL,
    actor     TEXT    NOT NULL,
    place     TEXT    NOT NULL,
    intent    INTEGER NOT NULL,
    outcome   TEXT    NOT NULL,
    code      TEXT    NOT NULL,
    confirmed INTEGER NOT NULL,
    detail    TEXT    NOT NULL,
    state     TEXT    NOT NULL,
    prev      BLOB    NOT NULL,
    hash      BLOB    NOT NULL
) STRICT;

CREATE INDEX events_device ON events (device) WHERE device <> '';

-- A run of rows written on one day with one trust in the clock, by its first row.
CREATE TABLE segments (
    first   INTEGER PRIMARY KEY,
    day     TEXT    NOT NULL,
    trusted INTEGER NOT NULL
) STRICT;

-- At most one row: what stands for the days that were dropped.
CREATE TABLE stub (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    upto INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    hash BLOB    NOT NULL,
    at   INTEGER NOT NULL,
    sig  BLOB    NOT NULL
) STRICT;
