-- title_zh: 水位日变幅
-- title_en: Swing of the level
-- unit: m
-- per: manhole
-- every: day
-- better: neither
-- source_zh: 当日最高水位减最低水位；水位始终不变说明传感器卡滞（平直线检验，IOOS QARTOD水位手册2021）
-- source_en: highest less lowest level of the day; a sensor whose level never moves is stuck (flat-line test, IOOS QARTOD water level manual 2021)
SELECT l.asset_id, date_trunc('day', l.time) AS period, max(l.value) - min(l.value) AS value
FROM drainage.level AS l CROSS JOIN drainage.coefficient AS c
WHERE c.id = 'day_readings' AND l.time >= $since AND l.time < $until
GROUP BY l.asset_id, date_trunc('day', l.time), c.value
HAVING count(*) >= c.value
