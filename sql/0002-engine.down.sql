DROP TABLE IF EXISTS events;
DROP TABLE IF EXISTS directory_fills;
DROP TABLE IF EXISTS directory;
DROP TABLE IF EXISTS chains;
DROP INDEX IF EXISTS posts_channel /*M! ON posts */;
