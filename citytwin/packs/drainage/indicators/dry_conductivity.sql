-- title_zh: 雨水管电导率中位值
-- title_en: Median conductivity in storm sewers
-- unit: uS/cm
-- per: manhole
-- every: day
-- better: lower
-- source_zh: 日中位值，不受历时不足12小时的降雨左右；参见CWP与Pitt（2004）《Illicit Discharge Detection and Elimination》
-- source_en: median of the day, which rain of less than 12 h does not govern; cf. CWP and Pitt (2004), Illicit discharge detection and elimination
SELECT k.asset_id, date_trunc('day', k.time) AS period, percentile_cont(0.5) WITHIN GROUP (ORDER BY k.value) AS value
FROM drainage.conductivity AS k
JOIN drainage.manhole AS m ON m.asset_id = k.asset_id
CROSS JOIN drainage.coefficient AS c
WHERE m.network = 'storm' AND c.id = 'day_readings' AND k.time >= $since AND k.time < $until
GROUP BY k.asset_id, date_trunc('day', k.time), c.value
HAVING count(*) >= c.value
