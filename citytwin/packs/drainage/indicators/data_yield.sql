-- title_zh: 监测点到报率
-- title_en: Data yield
-- unit: %
-- per: manhole
-- every: day
-- better: higher
-- source_zh: 当日水位读数个数与每5分钟一次应有的288个之比
-- source_en: level readings of the day over the 288 that five minutes make
SELECT l.asset_id, date_trunc('day', l.time) AS period, 100.0 * count(*) / 288 AS value
FROM drainage.level AS l
WHERE l.time >= $since AND l.time < $until
GROUP BY l.asset_id, date_trunc('day', l.time)
