-- readable_by 1
-- What the Slack engine keeps: the refresh of tokens, a directory of each
-- workspace, the events that came.

-- One row a token chain: holder '' is the app's bot, else a user's id.  The tokens
-- themselves stand where they always stood (of the bot: in installs); refresh_hash
-- is that of the refresh token which is to be spent next, and moves in the same
-- transaction as they.  state: '' at rest, asking (an intent: owner is at it since
-- then), lost (nobody can renew it: connect again).
CREATE TABLE IF NOT EXISTS chains (
	enterprise_id VARCHAR(64) NOT NULL,
	team_id VARCHAR(64) NOT NULL,
	holder VARCHAR(64) NOT NULL,
	refresh_hash VARBINARY(32) NOT NULL,
	state VARCHAR(16) NOT NULL,
	owner VARCHAR(64) NOT NULL,
	since BIGINT NOT NULL,
	tries BIGINT NOT NULL,
	PRIMARY KEY (enterprise_id, team_id, holder)
)
/*M! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

-- Channels and people of a workspace (team: install_key).  handle is what #… or @…
-- names; label what is shown; about a channel's topic, a person's real name and
-- title.  handle, label_key and words (all of it, for searching) are in lower case.
CREATE TABLE IF NOT EXISTS directory (
	team VARCHAR(64) NOT NULL,
	kind VARCHAR(16) NOT NULL,
	id VARCHAR(64) NOT NULL,
	handle VARCHAR(255) NOT NULL,
	label VARCHAR(255) NOT NULL,
	label_key VARCHAR(255) NOT NULL,
	about VARCHAR(1024) NOT NULL,
	words VARCHAR(2048) NOT NULL,
	flags BIGINT NOT NULL,
	members BIGINT NOT NULL,
	fill BIGINT NOT NULL,
	seen BIGINT NOT NULL,
	PRIMARY KEY (team, kind, id)
)
/*M! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

CREATE INDEX IF NOT EXISTS directory_handle ON directory (team, kind, handle, id);

CREATE INDEX IF NOT EXISTS directory_label ON directory (team, kind, label_key);

-- How far each directory is: fill counts the runs; state complete, partial or ''
-- (never); problem is why the last run ended early.
CREATE TABLE IF NOT EXISTS directory_fills (
	team VARCHAR(64) NOT NULL,
	kind VARCHAR(16) NOT NULL,
	fill BIGINT NOT NULL,
	state VARCHAR(16) NOT NULL,
	entries BIGINT NOT NULL,
	began BIGINT NOT NULL,
	ended BIGINT NOT NULL,
	page VARCHAR(1024) NOT NULL,
	problem VARCHAR(64) NOT NULL,
	PRIMARY KEY (team, kind)
)
/*M! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

CREATE TABLE IF NOT EXISTS events (
	event_id VARCHAR(64) NOT NULL,
	made BIGINT NOT NULL,
	PRIMARY KEY (event_id)
)
/*M! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */;

CREATE INDEX IF NOT EXISTS events_made ON events (made);

CREATE INDEX IF NOT EXISTS posts_channel ON posts (team, channel, made);
