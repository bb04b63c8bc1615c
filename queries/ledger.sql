-- Is what was used what was taken off the balances? The new rows of use, read again and again by history_id.
-- One row for each row of the history above :since, up to :until, of users whose hash is at most :sample.
--
-- Both statements of the ledger (the other one is `accounts` in ledger.toml) run in one snapshot, so that a call is in
-- both of them or in none. The last two minutes are read again at each look: a row whose transaction ends late has a
-- lower number than others that were counted before it. Where somebody stays at another balance than was logged, the last
-- ten minutes are, before that is told: for so long a transaction may be open.
-- Where more users are active than are tracked (`users` in [ledger]), those with the smallest hash are: the same ones
-- at each look, whoever else comes.
-- A row without a number of tokens counts as 0 here; TokenHistoryInvalid and recent_usage tell of it.
--
-- Cost: grows with the rows of the last two minutes, not with the history; 5 ms for 1,000.
SELECT
    h.{history_id} AS usage_id,
    h.{user_id} AS user_id,
    CRC32(h.{user_id}) AS user_hash,
    COALESCE(h.{tokens_used} + 0, 0) AS tokens
FROM {token_usage_history} h
WHERE h.{history_id} > :since
  AND h.{history_id} <= :until
  AND h.{user_id} IS NOT NULL
  AND CRC32(h.{user_id}) <= :sample
