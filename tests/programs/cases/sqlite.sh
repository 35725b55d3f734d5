# $1: the data base, a file or :memory:.
cat >case.sql <<'END'
PRAGMA journal_mode = DELETE;
CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, value INTEGER);
BEGIN;
WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 200000)
INSERT INTO items SELECT n, 'item ' || n, (n * 7919) % 100003 FROM number;
COMMIT;
CREATE INDEX by_value ON items (value);
SELECT count(*), sum(value), min(name), max(name) FROM items;
SELECT id, name FROM items WHERE value = 42 ORDER BY id;
UPDATE items SET value = value + 1 WHERE id % 3 = 0;
DELETE FROM items WHERE id % 5 = 0;
SELECT count(*), sum(value) FROM items;
SELECT value % 10 AS digit, count(*) FROM items GROUP BY digit ORDER BY digit;
PRAGMA integrity_check;
END
sqlite3 "$1" <case.sql
if [ "$1" != :memory: ]; then
  sqlite3 "$1" 'PRAGMA journal_mode = WAL; INSERT INTO items VALUES (1000001, "in the log", 1); SELECT count(*) FROM items;'
fi
