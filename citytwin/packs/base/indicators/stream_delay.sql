-- title_zh: 数据延迟
-- title_en: Delay of data
-- unit: min
-- per: weather_station
-- every: day
-- better: lower
-- source_zh: 当日读数从观测时刻到入库的时间的中位数；一天以后补录的不计
-- source_en: median time from the instant of a reading to its being recorded, over the day's readings; not those filled in more than a day later
SELECT a.asset_id, date_trunc('day', a.time) AS period, percentile_cont(0.5) WITHIN GROUP (ORDER BY a.delay_s) / 60.0 AS value
FROM arrival AS a JOIN base.weather_station AS w ON w.asset_id = a.asset_id
WHERE a.time >= $since AND a.time < $until AND a.delay_s <= 86400
GROUP BY a.asset_id, date_trunc('day', a.time)
