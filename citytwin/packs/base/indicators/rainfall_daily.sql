-- title_zh: 日降雨量
-- title_en: Daily rainfall
-- unit: mm
-- per: weather_station
-- every: day
-- better: neither
-- source_zh: 当日各次读数之和；降雨量等级见GB/T 28592-2012
-- source_en: sum of the day's readings; grades of rain in GB/T 28592-2012
SELECT r.asset_id, date_trunc('day', r.time) AS period, sum(r.value) AS value
FROM base.rainfall AS r
WHERE r.time >= $since AND r.time < $until
GROUP BY r.asset_id, date_trunc('day', r.time)
