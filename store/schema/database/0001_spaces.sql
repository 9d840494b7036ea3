-- Application id "LqDb": a file of another program is never taken for ours.
PRAGMA application_id = 0x4c714462;

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The oldest format a loquet must know to read this file.
INSERT INTO meta VALUES ('readable_by', '1');

-- One row. sum and spaces cover the rows of the table spaces, crc covers this row.
CREATE TABLE head (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    install    TEXT    NOT NULL,
    generation INTEGER NOT NULL,
    spaces     INTEGER NOT NULL,
    sum        INTEGER NOT NULL,
    crc        INTEGER NOT NULL
) STRICT;

-- count and sum cover the rows of kv: a row that vanishes is noticed. holes says that it was.
CREATE TABLE spaces (
    space    TEXT PRIMARY KEY,
    precious INTEGER NOT NULL,
    count    INTEGER NOT NULL,
    sum      INTEGER NOT NULL,
    holes    INTEGER NOT NULL,
    crc      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE kv (
    space TEXT    NOT NULL,
    key   TEXT    NOT NULL,
    value BLOB    NOT NULL,
    crc   INTEGER NOT NULL,
    PRIMARY KEY (space, key)
) STRICT, WITHOUT ROWID;
