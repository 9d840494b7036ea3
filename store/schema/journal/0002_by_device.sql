-- An index of events is one more page to write before a relay may move. Which rows are a device's is
-- written here instead, for many rows at a time and when no door is owed anything. meta says up to which
-- row ('indexed'): later ones are found by looking at each.
DROP INDEX events_device;

CREATE TABLE by_device (
    device TEXT    NOT NULL,
    seq    INTEGER NOT NULL,
    PRIMARY KEY (device, seq)
) STRICT, WITHOUT ROWID;
