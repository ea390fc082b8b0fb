-- title_zh: 日平均气温
-- title_en: Daily mean temperature
-- unit: degC
-- per: weather_station
-- every: day
-- better: neither
-- source_zh: 当日各次读数的平均值
-- source_en: mean of the day's readings
SELECT t.asset_id, date_trunc('day', t.time) AS period, avg(t.value) AS value
FROM base.temperature AS t
WHERE t.time >= $since AND t.time < $until
GROUP BY t.asset_id, date_trunc('day', t.time)
