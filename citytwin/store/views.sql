-- The stable SQL surface that packs may read. The views of each pack's own declarations are made beside these, in a schema of its name.
CREATE OR REPLACE VIEW asset AS SELECT asset_id, type, title_zh, title_en, longitude, latitude, attributes FROM asset_row;
CREATE OR REPLACE VIEW relation AS SELECT source, type, target FROM relation_row;
CREATE OR REPLACE VIEW stream AS
  SELECT s.stream, s.asset_id, s.stream_type, k.quantity, k.unit FROM stream_row AS s LEFT JOIN stream_kind AS k ON k.stream_type = s.stream_type
  WHERE NOT EXISTS (SELECT 1 FROM stream_gone AS g WHERE g.key = s.key);
CREATE OR REPLACE VIEW observation_all AS
  SELECT s.stream, s.asset_id, s.stream_type, r.time, r.value, r.quality, r.batch,
         EXISTS (SELECT 1 FROM superseded AS x WHERE x.stream = r.stream AND x.time = r.time AND x.batch = r.batch) AS superseded
  FROM held AS r JOIN stream_row AS s ON s.key = r.stream;
CREATE OR REPLACE VIEW observation AS
  SELECT s.stream, s.asset_id, s.stream_type, r.time, r.value
  FROM held AS r JOIN stream_row AS s ON s.key = r.stream
  WHERE r.quality <= 2 AND NOT EXISTS (SELECT 1 FROM superseded AS x WHERE x.stream = r.stream AND x.time = r.time AND x.batch = r.batch);
CREATE OR REPLACE VIEW observation_minute AS
  SELECT s.stream, s.asset_id, s.stream_type, r.period, r.n, r.low, r.high, r.total / r.n AS mean, r.first, r.last
  FROM rollup_minute AS r JOIN stream_row AS s ON s.key = r.stream WHERE r.n > 0;
CREATE OR REPLACE VIEW observation_hour AS
  SELECT s.stream, s.asset_id, s.stream_type, r.period, r.n, r.low, r.high, r.total / r.n AS mean, r.first, r.last
  FROM rollup_hour AS r JOIN stream_row AS s ON s.key = r.stream WHERE r.n > 0;
CREATE OR REPLACE VIEW observation_day AS
  SELECT s.stream, s.asset_id, s.stream_type, r.period, r.n, r.low, r.high, r.total / r.n AS mean, r.first, r.last
  FROM rollup_day AS r JOIN stream_row AS s ON s.key = r.stream WHERE r.n > 0;
-- Every whole day after a stream's first one, up to yesterday: readings fit for use, and how many its declared cadence makes expected. Streams slower than a day have none.
CREATE OR REPLACE VIEW stream_day AS
  SELECT s.stream, s.asset_id, s.stream_type, d.period, coalesce(r.n, 0) AS n, CAST(floor((epoch_us(d.until) - epoch_us(d.period)) / 1e6 / k.cadence_s) AS BIGINT) AS expected
  FROM (SELECT stream AS key, min(period) AS since FROM rollup_day GROUP BY stream) AS f
  JOIN stream_row AS s ON s.key = f.key
  JOIN stream_kind AS k ON k.stream_type = s.stream_type AND k.cadence_s BETWEEN 1 AND 82800
  JOIN (SELECT g.period, date_trunc('day', g.period + INTERVAL 36 HOUR) AS until
        FROM (SELECT min(period) AS since, greatest(now(), max(period)) AS until FROM rollup_day) AS a, generate_series(a.since, a.until, INTERVAL 1 DAY) AS g(period)
        WHERE date_trunc('day', g.period + INTERVAL 36 HOUR) <= a.until) AS d ON d.period > f.since
  LEFT JOIN rollup_day AS r ON r.stream = f.key AND r.period = d.period
  WHERE NOT EXISTS (SELECT 1 FROM stream_gone AS x WHERE x.key = s.key);
CREATE OR REPLACE VIEW arrival AS
  SELECT s.stream, s.asset_id, s.stream_type, r.time, b.recorded, (epoch_us(b.recorded) - epoch_us(r.time)) / 1e6 AS delay_s
  FROM held AS r JOIN stream_row AS s ON s.key = r.stream JOIN batch AS b ON b.batch = r.batch;
CREATE OR REPLACE VIEW indicator_value AS SELECT indicator, asset_id, period, value FROM indicator_row;
CREATE OR REPLACE VIEW target_progress AS SELECT * FROM target_progress_row;
-- The states of kernel/rule.py, from the same facts as its `standing`.
CREATE OR REPLACE VIEW alarm_standing AS
  SELECT *, CASE WHEN cleared IS NULL AND coalesce(hold, '') <> '' THEN hold
                 WHEN cleared IS NULL THEN CASE WHEN acknowledged IS NULL THEN 'active' ELSE 'acknowledged' END
                 WHEN coalesce(hold, '') <> '' OR reset IS NOT NULL THEN 'cleared'
                 WHEN latching THEN CASE WHEN acknowledged IS NULL THEN 'latched' ELSE 'latched_acknowledged' END
                 WHEN must_acknowledge AND acknowledged IS NULL THEN 'returned' ELSE 'cleared' END AS state
  FROM alarm_row;
CREATE OR REPLACE VIEW alarm AS
  SELECT alarm, rule, asset_id, level, since, value, bound, cleared, acknowledged, acknowledged_by, state, parent FROM alarm_standing;
CREATE OR REPLACE VIEW alarm_history AS SELECT n, alarm, rule, asset_id, time, before, state, actor, reason FROM alarm_event;
CREATE OR REPLACE VIEW alarm_hold AS SELECT hold, rule, asset_id, kind, since, until, reason, actor, ended, ended_by FROM alarm_hold_row;
CREATE OR REPLACE VIEW case_file AS
  SELECT case_id, type, asset_id, alarm, step, opened, due, closed, state, source, measure, parent,
         holder, entered, whole_due, guessed, longitude, latitude, returns, reopens,
         charge_zh, charge_en
  FROM case_row;
CREATE OR REPLACE VIEW run AS SELECT * FROM run_row;
CREATE OR REPLACE VIEW forecast AS
  SELECT f.run, r.model, r.until, f.stream, f.time, f.value FROM forecast_row AS f JOIN run_row AS r ON r.run = f.run;
CREATE OR REPLACE VIEW evidence AS SELECT leaf, kind, subject, digest, recorded FROM leaf;
CREATE OR REPLACE VIEW decision AS SELECT about, n, time, actor, act, before, after, note FROM decision_row;
CREATE OR REPLACE VIEW file AS SELECT sha256, name, size, actor, recorded FROM file_row;
-- Every stream that is there, with or without readings; one that is awaited has no key.
CREATE OR REPLACE VIEW stream_there AS
  SELECT s.key, s.stream, s.asset_id, s.stream_type FROM stream_row AS s WHERE NOT EXISTS (SELECT 1 FROM stream_gone AS g WHERE g.key = s.key)
  UNION ALL SELECT NULL, stream, asset_id, stream_type FROM stream_awaited;
-- The city in the words of SensorThings 2.0: what packs declare and what clients registered, side by side. `declared` tells them apart.
CREATE OR REPLACE VIEW thing AS
  SELECT a.asset_id AS id, coalesce(t.name, a.title_zh) AS name, CASE WHEN t.id IS NULL THEN coalesce(k.title_zh, '') ELSE t.description END AS description, t.definition, t.properties,
         a.type, a.title_en, a.attributes, t.id IS NULL AS declared
  FROM asset_row AS a LEFT JOIN thing_row AS t ON t.id = a.asset_id LEFT JOIN asset_kind AS k ON k.type = a.type;
CREATE OR REPLACE VIEW location AS
  SELECT id, name, description, definition, encoding, location, shape, properties, FALSE AS declared FROM location_row
  UNION ALL
  SELECT a.asset_id, a.title_zh, '', NULL, 'application/geo+json', a.geometry, a.geometry, NULL, TRUE
  FROM asset_row AS a WHERE a.geometry IS NOT NULL AND NOT EXISTS (SELECT 1 FROM thing_row AS t WHERE t.id = a.asset_id);
CREATE OR REPLACE VIEW thing_location AS
  SELECT thing, location FROM thing_location_row
  UNION ALL
  SELECT a.asset_id, a.asset_id FROM asset_row AS a
  WHERE a.geometry IS NOT NULL AND NOT EXISTS (SELECT 1 FROM thing_row AS t WHERE t.id = a.asset_id);
CREATE OR REPLACE VIEW historical_location AS SELECT id, thing, time FROM historical_location_row;
CREATE OR REPLACE VIEW sensor AS
  SELECT id, name, description, definition, encoding, metadata, properties, FALSE AS declared FROM sensor_row
  UNION ALL
  SELECT k.stream_type, k.title_zh, 'not described: the pack declares what is measured, not with what', NULL, 'text/plain', '"' || k.title_en || '"', NULL, TRUE
  FROM stream_kind AS k WHERE EXISTS (SELECT 1 FROM stream_there AS s WHERE s.stream_type = k.stream_type) AND k.quantity <> '';
CREATE OR REPLACE VIEW observed_property AS
  SELECT id, name, description, definition, properties, FALSE AS declared FROM observed_property_row
  UNION ALL
  SELECT q.quantity, q.title_zh, q.title_en, q.quantity, NULL, TRUE FROM quantity_kind AS q
  WHERE EXISTS (SELECT 1 FROM stream_kind AS k JOIN stream_there AS s ON s.stream_type = k.stream_type WHERE k.quantity = q.quantity);
CREATE OR REPLACE VIEW datastream AS
  SELECT s.key, s.stream AS id, s.asset_id AS thing, coalesce(d.name, a.title_zh || ' ' || k.title_zh, s.stream) AS name,
         CASE WHEN d.id IS NULL THEN coalesce(a.title_en || ' ' || k.title_en, '') ELSE d.description END AS description, d.definition,
         CASE WHEN d.id IS NULL THEN s.stream_type ELSE d.sensor END AS sensor,
         CASE WHEN d.id IS NULL THEN 'http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement' ELSE d.type END AS type,
         CASE WHEN d.id IS NULL THEN '{"name":"' || k.unit || '","symbol":"' || k.unit || '","definition":"ucum:'
           || replace(replace(replace(k.unit, 'degC', 'Cel'), 'kgce', 'kg{ce}'), 'person', '{person}') || '"}' ELSE d.unit END AS unit,
         d.result_type, d.result_encoding, coalesce(d.multi, FALSE) AS multi, d.area, CASE WHEN d.id IS NULL THEN s.asset_id ELSE d.feature END AS feature, d.properties,
         d.id IS NULL AS declared
  FROM stream_there AS s LEFT JOIN datastream_row AS d ON d.id = s.stream LEFT JOIN stream_kind AS k ON k.stream_type = s.stream_type
  LEFT JOIN asset_row AS a ON a.asset_id = s.asset_id;
CREATE OR REPLACE VIEW datastream_property AS
  SELECT datastream, n, property FROM datastream_property_row
  UNION ALL
  SELECT s.stream, 0, k.quantity FROM stream_there AS s JOIN stream_kind AS k ON k.stream_type = s.stream_type WHERE k.quantity <> '';
CREATE OR REPLACE VIEW feature AS
  SELECT id, name, description, definition, encoding, feature, shape, properties, FALSE AS declared FROM feature_row
  UNION ALL
  SELECT a.asset_id, a.title_zh, '', NULL, 'application/geo+json', a.geometry, a.geometry, NULL, TRUE
  FROM asset_row AS a WHERE a.geometry IS NOT NULL AND EXISTS (
    SELECT 1 FROM stream_there AS s WHERE s.asset_id = a.asset_id AND NOT EXISTS (SELECT 1 FROM datastream_row AS d WHERE d.id = s.stream));
CREATE OR REPLACE VIEW feature_type AS SELECT id, name, description, definition, properties, FALSE AS declared FROM feature_type_row;
CREATE OR REPLACE VIEW sensing AS
  SELECT CAST(r.stream AS VARCHAR) || '-' || CAST(epoch_us(r.time) AS VARCHAR) AS id, r.stream AS key, r.time AS slot, r.time, r.time AS until,
         CAST(NULL AS TIMESTAMPTZ) AS result_time, r.value AS number, CAST(NULL AS VARCHAR) AS string, CAST(NULL AS BOOLEAN) AS boolean, CAST(NULL AS VARCHAR) AS object,
         CASE WHEN r.quality > 1 THEN '{"qartod":' || CAST(r.quality AS VARCHAR) || '}' END AS quality, CAST(NULL AS TIMESTAMPTZ) AS valid_since,
         CAST(NULL AS TIMESTAMPTZ) AS valid_until, CAST(NULL AS VARCHAR) AS properties, CAST(NULL AS VARCHAR) AS feature, FALSE AS more
  FROM held AS r
  WHERE NOT EXISTS (SELECT 1 FROM superseded AS x WHERE x.stream = r.stream AND x.time = r.time AND x.batch = r.batch)
    AND NOT EXISTS (SELECT 1 FROM stream_gone AS g WHERE g.key = r.stream)
    AND NOT EXISTS (SELECT 1 FROM observation_row AS o WHERE o.ended IS NULL AND o.key = r.stream AND o.slot = r.time AND o.stands)
  UNION ALL
  SELECT id, key, slot, time, until, result_time, number, string, boolean, object, quality, valid_since, valid_until, properties, feature, TRUE
  FROM observation_row WHERE ended IS NULL;
