BEGIN TRANSACTION;
CREATE TABLE alerts (
    rule TEXT NOT NULL, target TEXT NOT NULL, subject TEXT NOT NULL,
    fingerprint TEXT NOT NULL, state TEXT NOT NULL, alert TEXT NOT NULL,
    PRIMARY KEY (rule, target, subject, fingerprint)
) WITHOUT ROWID;
INSERT INTO "alerts" VALUES('Low','main','balances','23ce5730b2e4a348','firing','{"scope": ["Low", "main", "balances"], "labels": {"alertname": "Low", "plan": "pro"}, "severity": "critical", "state": "firing", "value": 0.5, "active_at": "2026-11-22T14:00:00.000000+00:00", "fired_at": "2026-11-22T14:01:00.000000+00:00", "resolved_at": null, "keep_since": "2026-11-22T14:01:01.500000+00:00", "annotations": {"summary": "low — “pro”"}, "evidence": [{"user_id": 7, "balance": null, "share": 0.5, "is_new": true, "plan": "pro"}], "since_at_least": true, "held": true, "muted_by": "0123456789abcdef", "resolve_reason": "rule_changed", "peak": null, "told": {"hook": "2026-11-22T14:01:00.000000+00:00"}}');
INSERT INTO "alerts" VALUES('Low','main','balances','53a8cc76e3149fe8','pending','{"scope": ["Low", "main", "balances"], "labels": {"alertname": "Low"}, "severity": "info", "state": "pending", "value": 1e+300, "active_at": "2026-11-22T14:00:00.000000+00:00", "fired_at": null, "resolved_at": null, "keep_since": null, "annotations": {}, "evidence": [], "since_at_least": false, "held": false, "muted_by": null, "resolve_reason": "", "peak": null, "told": {}}');
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, receiver TEXT NOT NULL, key TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('taken', 'failed', 'given_up')),
    reason TEXT NOT NULL, message TEXT NOT NULL, duration_seconds REAL NOT NULL, alerts TEXT NOT NULL
, rule TEXT NOT NULL DEFAULT '', target TEXT NOT NULL DEFAULT '', fingerprints TEXT NOT NULL DEFAULT '');
INSERT INTO "deliveries" VALUES(1,'2026-11-22T14:00:00.000000+00:00','hook','1','given_up','http_400','it was http_400',0.25,'[{"scope": ["Low", "main", "balances"], "labels": {"alertname": "Low", "plan": "pro"}, "severity": "critical", "state": "firing", "value": 0.5, "active_at": "2026-11-22T14:00:00.000000+00:00", "fired_at": "2026-11-22T14:01:00.000000+00:00", "resolved_at": null, "keep_since": "2026-11-22T14:01:01.500000+00:00", "annotations": {"summary": "low — “pro”"}, "evidence": [{"user_id": 7, "balance": null, "share": 0.5, "is_new": true, "plan": "pro"}], "since_at_least": true, "held": true, "muted_by": "0123456789abcdef", "resolve_reason": "rule_changed", "peak": null, "told": {}}]','','','');
CREATE TABLE deploys (
    target TEXT NOT NULL PRIMARY KEY, deploys TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE last_results (
    target TEXT NOT NULL, query TEXT NOT NULL, run_at TEXT NOT NULL, success_at TEXT,
    status TEXT NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL,
    consecutive_failures INTEGER NOT NULL, first_failure_at TEXT,
    samples TEXT NOT NULL, sample_count INTEGER NOT NULL,
    PRIMARY KEY (target, query)
) WITHOUT ROWID;
INSERT INTO "last_results" VALUES('main','balances','2026-11-22T14:00:00.000000+00:00',NULL,'','','',0,NULL,'[]',0);
CREATE TABLE marks (
    name TEXT NOT NULL PRIMARY KEY, at TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "marks" VALUES('alive','2026-11-22T14:01:30.000000+00:00');
CREATE TABLE memories (
    target TEXT NOT NULL, query TEXT NOT NULL, rule TEXT NOT NULL, memory BLOB NOT NULL,
    PRIMARY KEY (target, query, rule)
) WITHOUT ROWID;
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, receiver TEXT NOT NULL, key TEXT NOT NULL,
    labels TEXT NOT NULL, alerts TEXT NOT NULL, created_at TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, next_try_at TEXT NOT NULL, is_repeat INTEGER NOT NULL DEFAULT 0, size INTEGER NOT NULL DEFAULT 0,
    UNIQUE (receiver, key)
);
INSERT INTO "outbox" VALUES(2,'hook','2','{"alertname": "Low", "target": "main"}','[{"scope": ["Low", "main", "balances"], "labels": {"alertname": "Low", "plan": "pro"}, "severity": "critical", "state": "firing", "value": 0.5, "active_at": "2026-11-22T14:00:00.000000+00:00", "fired_at": "2026-11-22T14:01:00.000000+00:00", "resolved_at": null, "keep_since": "2026-11-22T14:01:01.500000+00:00", "annotations": {"summary": "low — “pro”"}, "evidence": [{"user_id": 7, "balance": null, "share": 0.5, "is_new": true, "plan": "pro"}], "since_at_least": true, "held": true, "muted_by": "0123456789abcdef", "resolve_reason": "rule_changed", "peak": null, "told": {}}]','2026-11-22T14:00:01.000000+00:00',0,'2026-11-22T14:00:01.000000+00:00',0,583);
CREATE TABLE positions (
    target TEXT NOT NULL, query TEXT NOT NULL, position TEXT NOT NULL, memory BLOB,
    PRIMARY KEY (target, query)
) WITHOUT ROWID;
CREATE TABLE transitions (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, change TEXT NOT NULL,
    rule TEXT NOT NULL, target TEXT NOT NULL, fingerprint TEXT NOT NULL, alert TEXT NOT NULL
);
INSERT INTO "transitions" VALUES(1,'2026-11-22T14:00:01.000000+00:00','resolved','Low','main','bd3b8124682ccfdf','{"scope": ["Low", "main", "balances"], "labels": {"alertname": "Low", "plan": "basic"}, "severity": "critical", "state": "resolved", "value": 0.5, "active_at": "2026-11-22T14:00:00.000000+00:00", "fired_at": "2026-11-22T14:01:00.000000+00:00", "resolved_at": "2026-11-22T14:00:01.000000+00:00", "keep_since": "2026-11-22T14:01:01.500000+00:00", "annotations": {"summary": "low — “pro”"}, "evidence": [{"user_id": 7, "balance": null, "share": 0.5, "is_new": true, "plan": "pro"}], "since_at_least": true, "held": true, "muted_by": "0123456789abcdef", "resolve_reason": "rule_changed", "peak": null, "told": {}}');
CREATE TABLE trend_points (
    target TEXT NOT NULL, span INTEGER NOT NULL, at INTEGER NOT NULL, points BLOB NOT NULL,
    PRIMARY KEY (target, span, at)
) WITHOUT ROWID;
CREATE TABLE trend_series (
    target TEXT NOT NULL, slot INTEGER NOT NULL, query TEXT NOT NULL, metric TEXT NOT NULL, labels TEXT NOT NULL,
    PRIMARY KEY (target, slot)
) WITHOUT ROWID;
CREATE INDEX transitions_at ON transitions (change, at);
CREATE INDEX transitions_rule ON transitions (rule, id);
CREATE INDEX outbox_order ON outbox (receiver, id);
CREATE INDEX outbox_group ON outbox (receiver, labels, id);
CREATE INDEX outbox_waiting ON outbox (receiver, created_at, size);
CREATE INDEX transitions_fingerprint ON transitions (fingerprint, id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('outbox',2);
COMMIT;
PRAGMA user_version = 9;
