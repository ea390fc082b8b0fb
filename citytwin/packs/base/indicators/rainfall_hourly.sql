-- title_zh: 小时降雨量
-- title_en: Hourly rainfall
-- unit: mm
-- per: weather_station
-- every: hour
-- better: neither
-- source_zh: 该小时各次读数之和
-- source_en: sum of the hour's readings
SELECT r.asset_id, date_trunc('hour', r.time) AS period, sum(r.value) AS value
FROM base.rainfall AS r
WHERE r.time >= $since AND r.time < $until
GROUP BY r.asset_id, date_trunc('hour', r.time)
