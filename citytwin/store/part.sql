-- What of the city somebody is shown who may see a part of it: every table that a question may read, with the rows that are about assets of the part. The views of views.sql and of
-- packs are laid over these as they are over the tables themselves; a table that is not here is there for nobody who sees a part. `city` stands for the database, `within` are the assets.
CREATE TABLE part_0 (asset_id VARCHAR NOT NULL);
CREATE VIEW within AS SELECT asset_id FROM query_table(getvariable('part'));
-- what packs and the vocabulary declare is everybody's
CREATE VIEW stream_kind AS SELECT * FROM city.stream_kind;
CREATE VIEW quantity_kind AS SELECT * FROM city.quantity_kind;
CREATE VIEW asset_kind AS SELECT * FROM city.asset_kind;
CREATE VIEW watermark AS SELECT * FROM city.watermark;
CREATE VIEW erasure AS SELECT * FROM city.erasure;
CREATE VIEW plan_row AS SELECT * FROM city.plan_row;
-- assets, and what leads from one of them to another
CREATE VIEW asset_row AS SELECT * FROM city.asset_row WHERE asset_id IN (FROM within);
CREATE VIEW relation_row AS SELECT * FROM city.relation_row WHERE source IN (FROM within) AND target IN (FROM within);
CREATE VIEW asset_body_row AS SELECT * FROM city.asset_body_row WHERE asset_id IN (FROM within);
-- streams and readings
CREATE VIEW stream_row AS SELECT * FROM city.stream_row WHERE asset_id IN (FROM within);
CREATE VIEW stream_awaited AS SELECT * FROM city.stream_awaited WHERE asset_id IN (FROM within);
CREATE VIEW stream_key AS SELECT key FROM stream_row;
CREATE VIEW stream_gone AS SELECT * FROM city.stream_gone WHERE key IN (FROM stream_key);
CREATE VIEW held AS SELECT * FROM city.held WHERE stream IN (FROM stream_key);
CREATE VIEW superseded AS SELECT * FROM city.superseded WHERE stream IN (FROM stream_key);
CREATE VIEW rollup_minute AS SELECT * FROM city.rollup_minute WHERE stream IN (FROM stream_key);
CREATE VIEW rollup_hour AS SELECT * FROM city.rollup_hour WHERE stream IN (FROM stream_key);
CREATE VIEW rollup_day AS SELECT * FROM city.rollup_day WHERE stream IN (FROM stream_key);
CREATE VIEW edit_batch AS SELECT * FROM city.edit_batch WHERE stream IN (SELECT stream FROM stream_row);
-- a batch may hold readings of others: when it came and who sent it is told, and not how much was in it
CREATE VIEW batch AS SELECT batch, NULL::VARCHAR AS key, source, NULL::BIGINT AS rows, 0::BIGINT AS suspect, 0::BIGINT AS corrected, recorded, leaf FROM city.batch;
CREATE VIEW batch_span AS SELECT * FROM city.batch_span WHERE FALSE;
-- the log proves itself to everybody; a name in it may be of somebody else's business
CREATE VIEW leaf AS SELECT leaf, kind, CASE WHEN kind = 'readings' THEN subject ELSE '' END AS subject, digest, recorded FROM city.leaf;
-- what is worked out of readings
CREATE VIEW indicator_row AS SELECT * FROM city.indicator_row WHERE asset_id IN (FROM within);
CREATE VIEW indicator_revision AS SELECT * FROM city.indicator_revision WHERE asset_id IN (FROM within);
CREATE VIEW target_progress_row AS SELECT * FROM city.target_progress_row WHERE FALSE;
CREATE VIEW forecast_row AS SELECT * FROM city.forecast_row WHERE stream IN (SELECT stream FROM stream_row);
CREATE VIEW run_row AS
  SELECT run, model, state, '' AS scenario, '{}' AS parameters, until, started, finished, '{}' AS figures, '' AS error FROM city.run_row
  WHERE run IN (SELECT run FROM forecast_row);
-- alarms and cases
CREATE VIEW alarm_row AS SELECT * FROM city.alarm_row WHERE asset_id IN (FROM within);
CREATE VIEW alarm_event AS SELECT * FROM city.alarm_event WHERE asset_id IN (FROM within);
CREATE VIEW alarm_hold_row AS SELECT * FROM city.alarm_hold_row WHERE asset_id = '*' OR asset_id IN (FROM within);
CREATE VIEW pending_row AS SELECT * FROM city.pending_row WHERE asset_id IN (FROM within);
CREATE VIEW case_row AS SELECT * FROM city.case_row WHERE asset_id IN (FROM within);
CREATE VIEW case_event AS SELECT * FROM city.case_event WHERE case_id IN (SELECT case_id FROM case_row);
CREATE VIEW draw_row AS SELECT * FROM city.draw_row WHERE FALSE;
-- plans are the city's; drafts are not in force
CREATE VIEW draft_reading AS SELECT * FROM city.draft_reading WHERE FALSE;
CREATE VIEW decision_row AS
  SELECT * FROM city.decision_row WHERE starts_with(about, 'plan:') OR (starts_with(about, 'stream:') AND substr(about, 8) IN (SELECT stream FROM stream_row));
-- files that one of these cases or plans is about
CREATE VIEW file_row AS
  SELECT * FROM city.file_row WHERE sha256 IN (
    SELECT unnest(regexp_extract_all(body, '[0-9a-f]{64}')) FROM case_event UNION ALL SELECT unnest(regexp_extract_all(after, '[0-9a-f]{64}')) FROM decision_row);
-- what clients registered
CREATE VIEW thing_row AS SELECT * FROM city.thing_row WHERE id IN (FROM within);
CREATE VIEW thing_location_row AS SELECT * FROM city.thing_location_row WHERE thing IN (FROM within);
CREATE VIEW historical_location_row AS SELECT * FROM city.historical_location_row WHERE thing IN (FROM within);
CREATE VIEW historical_location_place AS
  SELECT * FROM city.historical_location_place WHERE historical_location IN (SELECT id FROM historical_location_row);
CREATE VIEW location_row AS
  SELECT * FROM city.location_row WHERE id IN (SELECT location FROM thing_location_row UNION ALL SELECT location FROM historical_location_place);
CREATE VIEW datastream_row AS SELECT * FROM city.datastream_row WHERE id IN (SELECT stream FROM stream_row UNION ALL SELECT stream FROM stream_awaited);
CREATE VIEW datastream_property_row AS SELECT * FROM city.datastream_property_row WHERE datastream IN (SELECT id FROM datastream_row);
CREATE VIEW datastream_ultimate AS SELECT * FROM city.datastream_ultimate WHERE datastream IN (SELECT id FROM datastream_row);
CREATE VIEW observation_row AS SELECT * FROM city.observation_row WHERE key IN (FROM stream_key);
CREATE VIEW sensor_row AS SELECT * FROM city.sensor_row WHERE id IN (SELECT sensor FROM datastream_row);
CREATE VIEW observed_property_row AS SELECT * FROM city.observed_property_row WHERE id IN (SELECT property FROM datastream_property_row);
CREATE VIEW feature_row AS
  SELECT * FROM city.feature_row WHERE id IN (
    SELECT feature FROM datastream_row UNION ALL SELECT feature FROM datastream_ultimate UNION ALL SELECT feature FROM observation_row);
CREATE VIEW feature_feature_type AS SELECT * FROM city.feature_feature_type WHERE feature IN (SELECT id FROM feature_row);
CREATE VIEW feature_type_row AS SELECT * FROM city.feature_type_row WHERE id IN (SELECT feature_type FROM feature_feature_type);
