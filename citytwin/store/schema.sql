-- What the embedded store remembers. Packs never read these tables; they read the views of views.sql.
CREATE TABLE IF NOT EXISTS meta (name VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS asset_row (
  asset_id VARCHAR PRIMARY KEY, type VARCHAR NOT NULL, title_zh VARCHAR NOT NULL, title_en VARCHAR NOT NULL,
  longitude DOUBLE, latitude DOUBLE, geometry VARCHAR, attributes VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS relation_row (source VARCHAR, type VARCHAR, target VARCHAR, PRIMARY KEY (source, type, target));
CREATE TABLE IF NOT EXISTS stream_kind (
  stream_type VARCHAR PRIMARY KEY, quantity VARCHAR NOT NULL, unit VARCHAR NOT NULL, cadence_s BIGINT NOT NULL);
ALTER TABLE stream_kind ADD COLUMN IF NOT EXISTS title_zh VARCHAR DEFAULT '';
ALTER TABLE stream_kind ADD COLUMN IF NOT EXISTS title_en VARCHAR DEFAULT '';
CREATE TABLE IF NOT EXISTS quantity_kind (quantity VARCHAR PRIMARY KEY, unit VARCHAR NOT NULL, title_zh VARCHAR NOT NULL, title_en VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS asset_kind (type VARCHAR PRIMARY KEY, title_zh VARCHAR NOT NULL, title_en VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS stream_row (key INTEGER PRIMARY KEY, stream VARCHAR UNIQUE NOT NULL, asset_id VARCHAR NOT NULL, stream_type VARCHAR NOT NULL);
-- Streams that were registered and are deleted: their readings stay on record, and nobody is shown them.
CREATE TABLE IF NOT EXISTS stream_gone (key INTEGER PRIMARY KEY);
-- Streams that packs declare for assets that are there, and that have not reported yet: with the first reading a stream leaves for stream_row, where it has a key.
CREATE TABLE IF NOT EXISTS stream_awaited (stream VARCHAR NOT NULL, asset_id VARCHAR NOT NULL, stream_type VARCHAR NOT NULL);
-- Readings are only ever appended, and leave for a partition or after their declared time only. A reading that a later one replaces stays here and is named in superseded.
CREATE TABLE IF NOT EXISTS reading (stream INTEGER NOT NULL, time TIMESTAMPTZ NOT NULL, value DOUBLE, quality TINYINT NOT NULL, batch BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS superseded (stream INTEGER NOT NULL, time TIMESTAMPTZ NOT NULL, batch BIGINT NOT NULL, by_batch BIGINT NOT NULL);
-- Partitions: readings that moved from `reading` to files beside the database (store/tier.py), by the file's place in the folder `tier`. The view `held` has both.
CREATE TABLE IF NOT EXISTS tier_file (
  file VARCHAR PRIMARY KEY, since TIMESTAMPTZ NOT NULL, until TIMESTAMPTZ NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL, rows BIGINT NOT NULL,
  bytes BIGINT NOT NULL, sha256 VARCHAR NOT NULL, recorded TIMESTAMPTZ NOT NULL);
-- Files that a step began to write or that were replaced: whoever opens the store removes them.
CREATE TABLE IF NOT EXISTS tier_gone (file VARCHAR PRIMARY KEY);
-- The first and the last standing reading of each stream up to the batch that meta calls 'ended', so that opening the store reads the newest batches only.
CREATE TABLE IF NOT EXISTS stream_end (
  stream INTEGER NOT NULL, first TIMESTAMPTZ NOT NULL, time TIMESTAMPTZ NOT NULL, value DOUBLE, quality TINYINT NOT NULL);
-- Readings deleted after their declared time: those of a stream type before `until`. Their batches, leaves and roll-ups stay.
CREATE TABLE IF NOT EXISTS erasure (
  erasure BIGINT PRIMARY KEY, stream_type VARCHAR NOT NULL, until TIMESTAMPTZ NOT NULL, rows BIGINT NOT NULL, recorded TIMESTAMPTZ NOT NULL, leaf BIGINT NOT NULL);
-- What must not be deleted until the hold is lifted: a stream type, a stream, an asset, or everything ('*').
CREATE TABLE IF NOT EXISTS hold_row (
  hold BIGINT PRIMARY KEY, subject VARCHAR NOT NULL, reason VARCHAR NOT NULL, actor VARCHAR NOT NULL, recorded TIMESTAMPTZ NOT NULL, lifted TIMESTAMPTZ, lifted_by VARCHAR);
-- Readings of each stream by the minute (streams faster than that), the hour and the day of the city's clock, as far as the batch that meta names in 'rolled'
-- (store/rollup.py keeps them up). All but `worst`, the gravest flag of any reading, are of good readings; a period that has none is there with n = 0.
CREATE TABLE IF NOT EXISTS rollup_minute (
  stream INTEGER NOT NULL, period TIMESTAMPTZ NOT NULL, n BIGINT NOT NULL, low DOUBLE, high DOUBLE, total DOUBLE, first DOUBLE, last DOUBLE, first_time TIMESTAMPTZ,
  last_time TIMESTAMPTZ, worst TINYINT NOT NULL);
CREATE TABLE IF NOT EXISTS rollup_hour (
  stream INTEGER NOT NULL, period TIMESTAMPTZ NOT NULL, n BIGINT NOT NULL, low DOUBLE, high DOUBLE, total DOUBLE, first DOUBLE, last DOUBLE, first_time TIMESTAMPTZ,
  last_time TIMESTAMPTZ, worst TINYINT NOT NULL);
CREATE TABLE IF NOT EXISTS rollup_day (
  stream INTEGER NOT NULL, period TIMESTAMPTZ NOT NULL, n BIGINT NOT NULL, low DOUBLE, high DOUBLE, total DOUBLE, first DOUBLE, last DOUBLE, first_time TIMESTAMPTZ,
  last_time TIMESTAMPTZ, worst TINYINT NOT NULL);
CREATE TABLE IF NOT EXISTS batch (
  batch BIGINT PRIMARY KEY, key VARCHAR, source VARCHAR NOT NULL, rows BIGINT NOT NULL, suspect BIGINT NOT NULL, corrected BIGINT NOT NULL,
  recorded TIMESTAMPTZ NOT NULL, leaf BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS batch_span (batch BIGINT NOT NULL, stream_type VARCHAR NOT NULL, since TIMESTAMPTZ NOT NULL, until TIMESTAMPTZ NOT NULL);
CREATE TABLE IF NOT EXISTS leaf (leaf BIGINT PRIMARY KEY, kind VARCHAR NOT NULL, subject VARCHAR NOT NULL, digest VARCHAR NOT NULL, recorded TIMESTAMPTZ NOT NULL);
CREATE TABLE IF NOT EXISTS indicator_row (
  indicator VARCHAR NOT NULL, asset_id VARCHAR NOT NULL, period TIMESTAMPTZ NOT NULL, value DOUBLE NOT NULL, version VARCHAR NOT NULL, recorded TIMESTAMPTZ NOT NULL);
CREATE TABLE IF NOT EXISTS indicator_revision (
  indicator VARCHAR NOT NULL, asset_id VARCHAR NOT NULL, period TIMESTAMPTZ NOT NULL, value DOUBLE NOT NULL, version VARCHAR NOT NULL, recorded TIMESTAMPTZ NOT NULL,
  replaced TIMESTAMPTZ NOT NULL);
-- How far each indicator and rule has seen: the last batch, and the last indicator version.
CREATE TABLE IF NOT EXISTS watermark (name VARCHAR PRIMARY KEY, batch BIGINT NOT NULL, version VARCHAR NOT NULL, until TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS target_progress_row (
  target VARCHAR, plan VARCHAR NOT NULL, as_of DATE, status VARCHAR NOT NULL, value DOUBLE, goal DOUBLE, baseline DOUBLE, expected DOUBLE, forecast DOUBLE,
  low DOUBLE, high DOUBLE, probability DOUBLE, PRIMARY KEY (target, as_of));
CREATE TABLE IF NOT EXISTS alarm_row (
  alarm VARCHAR PRIMARY KEY, rule VARCHAR NOT NULL, asset_id VARCHAR NOT NULL, level VARCHAR NOT NULL, since TIMESTAMPTZ NOT NULL, value DOUBLE, bound DOUBLE,
  cleared TIMESTAMPTZ, acknowledged TIMESTAMPTZ, acknowledged_by VARCHAR NOT NULL DEFAULT '');
-- What an alarm is told by, beside its spell: the kind of its rule, when somebody reset it, what holds it (`shelved`, `suppressed`, `out_of_service`) and the alarm that explains it;
-- `told` is the state that alarm_event last put on record.
ALTER TABLE alarm_row ADD COLUMN IF NOT EXISTS latching BOOLEAN DEFAULT FALSE;
ALTER TABLE alarm_row ADD COLUMN IF NOT EXISTS must_acknowledge BOOLEAN DEFAULT FALSE;
ALTER TABLE alarm_row ADD COLUMN IF NOT EXISTS reset TIMESTAMPTZ;
ALTER TABLE alarm_row ADD COLUMN IF NOT EXISTS hold VARCHAR DEFAULT '';
ALTER TABLE alarm_row ADD COLUMN IF NOT EXISTS parent VARCHAR;
ALTER TABLE alarm_row ADD COLUMN IF NOT EXISTS told VARCHAR;
UPDATE alarm_row SET told = CASE WHEN cleared IS NOT NULL THEN 'cleared' WHEN acknowledged IS NOT NULL THEN 'acknowledged' ELSE 'active' END WHERE told IS NULL;
-- Every transition of an alarm from state to state, in the order in which it was put on record. Only ever appended.
CREATE TABLE IF NOT EXISTS alarm_event (
  n BIGINT NOT NULL, alarm VARCHAR NOT NULL, rule VARCHAR NOT NULL, asset_id VARCHAR NOT NULL, time TIMESTAMPTZ NOT NULL, before VARCHAR NOT NULL, state VARCHAR NOT NULL,
  actor VARCHAR NOT NULL, reason VARCHAR NOT NULL);
-- What people keep from being told: the alarms of a rule at an asset ('*': at every one), `shelved` until a time or `out_of_service`, with the reason.
CREATE TABLE IF NOT EXISTS alarm_hold_row (
  hold BIGINT PRIMARY KEY, rule VARCHAR NOT NULL, asset_id VARCHAR NOT NULL, kind VARCHAR NOT NULL, since TIMESTAMPTZ NOT NULL, until TIMESTAMPTZ, reason VARCHAR NOT NULL,
  actor VARCHAR NOT NULL, ended TIMESTAMPTZ, ended_by VARCHAR);
-- States that have not yet held for as long as their rule asks.
CREATE TABLE IF NOT EXISTS pending_row (rule VARCHAR NOT NULL, asset_id VARCHAR NOT NULL, since TIMESTAMPTZ NOT NULL);
-- What rules with a memory know of each stream (engine/learn.py), so that it need not be learned anew after a restart: rebuilt from the readings where it is missing. `batch` is the last
-- that is in it, `mark` the last that the rule had judged.
CREATE TABLE IF NOT EXISTS rule_memory (
  rule VARCHAR NOT NULL, version VARCHAR NOT NULL, part BIGINT NOT NULL, batch BIGINT NOT NULL, mark BIGINT NOT NULL, data BLOB NOT NULL);
-- Cases as their events make them (kernel/case.py): what is asked for often, kept up with every event.
CREATE TABLE IF NOT EXISTS case_row (
  case_id VARCHAR PRIMARY KEY, type VARCHAR NOT NULL, asset_id VARCHAR NOT NULL, alarm VARCHAR, step VARCHAR NOT NULL, opened TIMESTAMPTZ NOT NULL, due TIMESTAMPTZ,
  closed TIMESTAMPTZ, state VARCHAR NOT NULL, source VARCHAR NOT NULL, measure VARCHAR NOT NULL, parent VARCHAR NOT NULL, holder VARCHAR NOT NULL, entered TIMESTAMPTZ NOT NULL,
  whole_due TIMESTAMPTZ, guessed BOOLEAN NOT NULL, longitude DOUBLE, latitude DOUBLE, returns BIGINT NOT NULL, reopens BIGINT NOT NULL);
-- Who has the step in charge where it was handed over from its role, since cases escalate.
ALTER TABLE case_row ADD COLUMN IF NOT EXISTS charge_zh VARCHAR DEFAULT '';
ALTER TABLE case_row ADD COLUMN IF NOT EXISTS charge_en VARCHAR DEFAULT '';
-- What happened to cases; only ever appended, and sealed. `step` is where the case is after it, `body` (JSON) what it is about.
CREATE TABLE IF NOT EXISTS case_event (
  case_id VARCHAR NOT NULL, n BIGINT NOT NULL, time TIMESTAMPTZ NOT NULL, act VARCHAR NOT NULL, step VARCHAR NOT NULL, actor VARCHAR NOT NULL, note VARCHAR NOT NULL,
  body VARCHAR NOT NULL, PRIMARY KEY (case_id, n));
-- Which cases the people of a demo work on: the n-th of its kind, the move of its path that comes next, the last event that the demo knows, and whether it is done with it.
CREATE TABLE IF NOT EXISTS demo_walk (case_id VARCHAR PRIMARY KEY, type VARCHAR NOT NULL, n BIGINT NOT NULL, k BIGINT NOT NULL, seen BIGINT NOT NULL, over BOOLEAN NOT NULL);
-- Draws that anybody can draw again: what was committed to (a seed's digest, a list), and, once the seed is told, who was drawn (JSON).
CREATE TABLE IF NOT EXISTS draw_row (
  draw VARCHAR PRIMARY KEY, title VARCHAR NOT NULL, commitment VARCHAR NOT NULL, population VARCHAR NOT NULL, size BIGINT NOT NULL, members VARCHAR NOT NULL, actor VARCHAR NOT NULL,
  committed TIMESTAMPTZ NOT NULL, seed VARCHAR, drawn VARCHAR, revealed TIMESTAMPTZ);
-- Who told the seed.
ALTER TABLE draw_row ADD COLUMN IF NOT EXISTS revealed_by VARCHAR DEFAULT '';
CREATE TABLE IF NOT EXISTS run_row (
  run VARCHAR PRIMARY KEY, model VARCHAR NOT NULL, state VARCHAR NOT NULL, scenario VARCHAR NOT NULL, parameters VARCHAR NOT NULL, until TIMESTAMPTZ NOT NULL,
  started TIMESTAMPTZ, finished TIMESTAMPTZ, figures VARCHAR NOT NULL DEFAULT '{}', error VARCHAR NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS forecast_row (run VARCHAR NOT NULL, stream VARCHAR NOT NULL, time TIMESTAMPTZ NOT NULL, value DOUBLE NOT NULL);
-- Files that people brought in (plan documents, proofs of work), whole, each under the SHA-256 of its bytes.
CREATE TABLE IF NOT EXISTS file_row (
  sha256 VARCHAR PRIMARY KEY, name VARCHAR NOT NULL, size BIGINT NOT NULL, data BLOB NOT NULL, actor VARCHAR NOT NULL, recorded TIMESTAMPTZ NOT NULL);
-- Each reading of a draft's document: its words (`text` from the raw offset `raw_start`, `start` without white space), paragraphs and sections (JSON).
CREATE TABLE IF NOT EXISTS draft_reading (
  draft VARCHAR NOT NULL, version BIGINT NOT NULL, file VARCHAR NOT NULL, start BIGINT NOT NULL, raw_start BIGINT NOT NULL, text VARCHAR NOT NULL,
  paragraphs VARCHAR NOT NULL, sections VARCHAR NOT NULL, PRIMARY KEY (draft, version));
-- What people decided about drafts (draft:<id>) and plans (plan:<id>). Only ever appended: what holds now is what the decisions add up to.
CREATE TABLE IF NOT EXISTS decision_row (
  about VARCHAR NOT NULL, n BIGINT NOT NULL, time TIMESTAMPTZ NOT NULL, actor VARCHAR NOT NULL, act VARCHAR NOT NULL, before VARCHAR NOT NULL,
  after VARCHAR NOT NULL, note VARCHAR NOT NULL, PRIMARY KEY (about, n));
-- Plans put in force here, every version whole (JSON); an empty body takes the plan out of force.
CREATE TABLE IF NOT EXISTS plan_row (
  plan VARCHAR NOT NULL, version BIGINT NOT NULL, draft VARCHAR NOT NULL, body VARCHAR NOT NULL, actor VARCHAR NOT NULL, recorded TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (plan, version));
-- What clients registered (engine/register.py), in the words of SensorThings 2.0, beside what packs declare. Every thing is an asset too, every datastream a stream.
CREATE TABLE IF NOT EXISTS thing_row (id VARCHAR PRIMARY KEY, name VARCHAR NOT NULL, description VARCHAR, definition VARCHAR, properties VARCHAR);
CREATE TABLE IF NOT EXISTS location_row (
  id VARCHAR PRIMARY KEY, name VARCHAR NOT NULL, description VARCHAR, definition VARCHAR, encoding VARCHAR NOT NULL, location VARCHAR NOT NULL, shape VARCHAR,
  properties VARCHAR);
CREATE TABLE IF NOT EXISTS thing_location_row (thing VARCHAR NOT NULL, location VARCHAR NOT NULL, PRIMARY KEY (thing, location));
CREATE TABLE IF NOT EXISTS historical_location_row (id VARCHAR PRIMARY KEY, thing VARCHAR NOT NULL, time TIMESTAMPTZ NOT NULL);
CREATE TABLE IF NOT EXISTS historical_location_place (historical_location VARCHAR NOT NULL, location VARCHAR NOT NULL, PRIMARY KEY (historical_location, location));
CREATE TABLE IF NOT EXISTS sensor_row (
  id VARCHAR PRIMARY KEY, name VARCHAR NOT NULL, description VARCHAR, definition VARCHAR, encoding VARCHAR, metadata VARCHAR, properties VARCHAR);
CREATE TABLE IF NOT EXISTS observed_property_row (id VARCHAR PRIMARY KEY, name VARCHAR NOT NULL, description VARCHAR, definition VARCHAR, properties VARCHAR);
CREATE TABLE IF NOT EXISTS datastream_row (
  id VARCHAR PRIMARY KEY, name VARCHAR NOT NULL, description VARCHAR, definition VARCHAR, sensor VARCHAR, type VARCHAR, unit VARCHAR, result_type VARCHAR,
  multi BOOLEAN NOT NULL, area VARCHAR, feature VARCHAR, properties VARCHAR);
CREATE TABLE IF NOT EXISTS datastream_property_row (datastream VARCHAR NOT NULL, n INTEGER NOT NULL, property VARCHAR NOT NULL, PRIMARY KEY (datastream, n));
CREATE TABLE IF NOT EXISTS feature_row (
  id VARCHAR PRIMARY KEY, name VARCHAR NOT NULL, description VARCHAR, definition VARCHAR, encoding VARCHAR, feature VARCHAR NOT NULL, shape VARCHAR, properties VARCHAR);
ALTER TABLE datastream_row ADD COLUMN IF NOT EXISTS result_encoding VARCHAR;
CREATE TABLE IF NOT EXISTS feature_type_row (id VARCHAR PRIMARY KEY, name VARCHAR NOT NULL, description VARCHAR, definition VARCHAR, properties VARCHAR);
CREATE TABLE IF NOT EXISTS feature_feature_type (feature VARCHAR NOT NULL, feature_type VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS datastream_ultimate (datastream VARCHAR NOT NULL, feature VARCHAR NOT NULL);
-- Observations that are more than a number at a time (`slot` is the time in their id). One that has the id of a reading (`stands`) is shown in its place. Never changed: a version ends.
CREATE TABLE IF NOT EXISTS observation_row (
  id VARCHAR NOT NULL, key INTEGER NOT NULL, slot TIMESTAMPTZ NOT NULL, time TIMESTAMPTZ NOT NULL, until TIMESTAMPTZ NOT NULL, result_time TIMESTAMPTZ, number DOUBLE,
  string VARCHAR, boolean BOOLEAN, object VARCHAR, quality VARCHAR, valid_since TIMESTAMPTZ, valid_until TIMESTAMPTZ, properties VARCHAR, feature VARCHAR,
  stands BOOLEAN NOT NULL, recorded TIMESTAMPTZ NOT NULL, ended TIMESTAMPTZ);
-- Who is told of what is new (WebSub): the callback, how deliveries are signed, until when, and how far it has been told (batch, stream, time).
CREATE TABLE IF NOT EXISTS websub_row (
  callback VARCHAR NOT NULL, topic VARCHAR NOT NULL, hub VARCHAR NOT NULL, secret VARCHAR NOT NULL, expires TIMESTAMPTZ NOT NULL, batch BIGINT NOT NULL,
  stream VARCHAR NOT NULL, time TIMESTAMPTZ NOT NULL, PRIMARY KEY (callback, topic));
-- Batches that the edits of a stream made (engine/edit.py): their rows are in force in place of the readings as they came.
CREATE TABLE IF NOT EXISTS edit_batch (batch BIGINT PRIMARY KEY, stream VARCHAR NOT NULL, decision BIGINT NOT NULL);
-- Who there is (engine/people.py): bodies, people and services with what they are granted, tokens and sessions by their SHA-256. Passwords are Argon2id hashes.
CREATE TABLE IF NOT EXISTS body_row (body VARCHAR PRIMARY KEY, title_zh VARCHAR NOT NULL, title_en VARCHAR NOT NULL, level VARCHAR NOT NULL, parent VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS person_row (
  person VARCHAR PRIMARY KEY, title VARCHAR NOT NULL, body VARCHAR NOT NULL, email VARCHAR NOT NULL, service BOOLEAN NOT NULL, disabled BOOLEAN NOT NULL,
  password VARCHAR NOT NULL, factor VARCHAR NOT NULL, factor_slot BIGINT NOT NULL, spare VARCHAR NOT NULL, failed BIGINT NOT NULL, locked TIMESTAMPTZ, link VARCHAR NOT NULL,
  link_until TIMESTAMPTZ, created TIMESTAMPTZ NOT NULL, seen TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS grant_row (person VARCHAR NOT NULL, role VARCHAR NOT NULL, body VARCHAR NOT NULL, place VARCHAR NOT NULL, pack VARCHAR NOT NULL, until TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS pass_row (
  pass VARCHAR PRIMARY KEY, secret VARCHAR NOT NULL, kind VARCHAR NOT NULL, person VARCHAR NOT NULL, title VARCHAR NOT NULL, rights VARCHAR NOT NULL, created TIMESTAMPTZ NOT NULL,
  expires TIMESTAMPTZ NOT NULL, seen TIMESTAMPTZ, address VARCHAR NOT NULL, agent VARCHAR NOT NULL, ended TIMESTAMPTZ);
-- Who signs in through the city's identity provider: issuer and subject are what somebody is known by, never a name or an address; grants (JSON) are those that follow the claims.
CREATE TABLE IF NOT EXISTS identity_row (
  person VARCHAR PRIMARY KEY, issuer VARCHAR NOT NULL, subject VARCHAR NOT NULL, title VARCHAR NOT NULL, grants VARCHAR NOT NULL, linked TIMESTAMPTZ NOT NULL, seen TIMESTAMPTZ);
-- The provider's own session behind a session of ours, so that it can end it.
CREATE TABLE IF NOT EXISTS identity_pass (pass VARCHAR PRIMARY KEY, person VARCHAR NOT NULL, sid VARCHAR NOT NULL);
-- Every request that changes something, and every refusal and sign-in: who, when, from where, what, and what came of it. Only ever appended.
CREATE TABLE IF NOT EXISTS audit_row (
  n BIGINT PRIMARY KEY, time TIMESTAMPTZ NOT NULL, person VARCHAR NOT NULL, via VARCHAR NOT NULL, address VARCHAR NOT NULL, act VARCHAR NOT NULL, subject VARCHAR NOT NULL,
  status INTEGER NOT NULL, digest VARCHAR NOT NULL, detail VARCHAR NOT NULL);
-- What is told to whom by which channel (engine/notify): one row for each event, person and channel, whose id is a digest of them. A lot is what goes out as one message:
-- its rows are `sending` from before it is sent until it is known whether it was. `failed` is when the channel failed it first; facts (JSON) are what it says.
CREATE TABLE IF NOT EXISTS outbox_row (
  id VARCHAR PRIMARY KEY, n BIGINT NOT NULL, event VARCHAR NOT NULL, what VARCHAR NOT NULL, level VARCHAR NOT NULL, person VARCHAR NOT NULL, channel VARCHAR NOT NULL,
  time TIMESTAMPTZ NOT NULL, made TIMESTAMPTZ NOT NULL, due TIMESTAMPTZ NOT NULL, digest BOOLEAN NOT NULL, state VARCHAR NOT NULL, lot VARCHAR NOT NULL, lotted TIMESTAMPTZ,
  tries BIGINT NOT NULL, next TIMESTAMPTZ, failed TIMESTAMPTZ, error VARCHAR NOT NULL, sent TIMESTAMPTZ, facts VARCHAR NOT NULL);
-- Who has read what of it in the app.
CREATE TABLE IF NOT EXISTS outbox_read (id VARCHAR NOT NULL, person VARCHAR NOT NULL, time TIMESTAMPTZ NOT NULL, PRIMARY KEY (id, person));
-- What was told to stand (a feed that fails, a target that is missed), so that it is told once however often the city is started.
CREATE TABLE IF NOT EXISTS told_row (about VARCHAR PRIMARY KEY, what VARCHAR NOT NULL, since TIMESTAMPTZ NOT NULL);
-- Which body an asset belongs to, where one was named (engine/scope.py): rights for a body are for these.
CREATE TABLE IF NOT EXISTS asset_body_row (asset_id VARCHAR PRIMARY KEY, body VARCHAR NOT NULL);
