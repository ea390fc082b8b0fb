-- title_zh: 夜间等效声级
-- title_en: Night noise
-- unit: dB
-- per: weather_station
-- every: day
-- better: lower
-- source_zh: 前一日22:00至当日6:00的等效声级，GB 3096-2008第3章
-- source_en: equivalent level from 22:00 of the day before to 06:00, GB 3096-2008 section 3
SELECT n.asset_id, date_trunc('day', n.time + INTERVAL 2 HOUR) AS period,
       10 * log(avg(power(10, n.value / 10))) AS value
FROM base.noise AS n
WHERE n.time >= $since - INTERVAL 2 HOUR AND n.time < $until - INTERVAL 2 HOUR
  AND (extract(hour FROM n.time) >= 22 OR extract(hour FROM n.time) < 6)
GROUP BY n.asset_id, date_trunc('day', n.time + INTERVAL 2 HOUR)
