-- The stable SQL surface that packs may read. The views of each pack's own declarations are made beside these, in a schema of its name.
CREATE OR REPLACE VIEW asset AS SELECT asset_id, type, title_zh, title_en, longitude, latitude, attributes FROM asset_row;
CREATE OR REPLACE VIEW relation AS SELECT source, type, target FROM relation_row;
CREATE OR REPLACE VIEW stream AS
  SELECT s.stream, s.asset_id, s.stream_type, k.quantity, k.unit FROM stream_row AS s LEFT JOIN stream_kind AS k ON k.stream_type = s.stream_type;
CREATE OR REPLACE VIEW observation_all AS
  SELECT s.stream, s.asset_id, s.stream_type, r.time, r.value, r.quality, r.batch,
         EXISTS (SELECT 1 FROM superseded AS x WHERE x.stream = r.stream AND x.time = r.time AND x.batch = r.batch) AS superseded
  FROM reading AS r JOIN stream_row AS s ON s.key = r.stream;
CREATE OR REPLACE VIEW observation AS
  SELECT s.stream, s.asset_id, s.stream_type, r.time, r.value
  FROM reading AS r JOIN stream_row AS s ON s.key = r.stream
  WHERE r.quality <= 2 AND NOT EXISTS (SELECT 1 FROM superseded AS x WHERE x.stream = r.stream AND x.time = r.time AND x.batch = r.batch);
CREATE OR REPLACE VIEW indicator_value AS SELECT indicator, asset_id, period, value FROM indicator_row;
CREATE OR REPLACE VIEW target_progress AS SELECT * FROM target_progress_row;
CREATE OR REPLACE VIEW alarm AS
  SELECT alarm, rule, asset_id, level, since, value, bound, cleared, acknowledged, acknowledged_by,
         CASE WHEN cleared IS NOT NULL THEN 'cleared' WHEN acknowledged IS NOT NULL THEN 'acknowledged' ELSE 'active' END AS state
  FROM alarm_row;
CREATE OR REPLACE VIEW case_file AS SELECT case_id, type, asset_id, alarm, step, opened, due, closed FROM case_row;
CREATE OR REPLACE VIEW run AS SELECT * FROM run_row;
CREATE OR REPLACE VIEW forecast AS
  SELECT f.run, r.model, r.until, f.stream, f.time, f.value FROM forecast_row AS f JOIN run_row AS r ON r.run = f.run;
CREATE OR REPLACE VIEW evidence AS SELECT leaf, kind, subject, digest, recorded FROM leaf;
CREATE OR REPLACE VIEW decision AS SELECT about, n, time, actor, act, before, after, note FROM decision_row;
CREATE OR REPLACE VIEW file AS SELECT sha256, name, size, actor, recorded FROM file_row;
