-- title_zh: 雨水管旱天流量
-- title_en: Dry-weather flow in storm sewers
-- unit: m3/s
-- per: manhole
-- every: day
-- better: lower
-- source_zh: 日流量的下四分位值，不受历时不足18小时的降雨影响；参见CWP与Pitt（2004）《Illicit Discharge Detection and Elimination》
-- source_en: lower quartile of the day's flow, which rain of less than 18 h does not reach; cf. CWP and Pitt (2004), Illicit discharge detection and elimination
SELECT f.asset_id, date_trunc('day', f.time) AS period, percentile_cont(0.25) WITHIN GROUP (ORDER BY f.value) AS value
FROM drainage.flow AS f
JOIN drainage.manhole AS m ON m.asset_id = f.asset_id
CROSS JOIN drainage.coefficient AS c
WHERE m.network = 'storm' AND c.id = 'day_readings' AND f.time >= $since AND f.time < $until
GROUP BY f.asset_id, date_trunc('day', f.time), c.value
HAVING count(*) >= c.value
