-- title_zh: 细颗粒物日均浓度
-- title_en: Daily fine particles
-- unit: ug/m3
-- per: weather_station
-- every: day
-- better: lower
-- source_zh: 24小时平均浓度，GB 3095-2012表1（二级限值75 μg/m³）
-- source_en: 24-hour mean, GB 3095-2012 table 1 (second class 75)
SELECT f.asset_id, date_trunc('day', f.time) AS period, avg(f.value) AS value
FROM base.fine_particles AS f
WHERE f.time >= $since AND f.time < $until
GROUP BY f.asset_id, date_trunc('day', f.time)
