-- title_zh: 污水处理率
-- title_en: Sewage treatment rate
-- unit: %
-- per: base.region
-- every: month
-- better: higher
-- source_zh: 污水处理量与污水排放量之比，排放量为供水量乘以GB 50318-2017第4.2节的污水排放系数
-- source_en: sewage treated over sewage discharged, the latter as water supplied times the discharge factor of GB 50318-2017 section 4.2
SELECT w.asset_id, w.period, 100.0 * t.treated / (w.supplied * c.value) AS value
FROM (
  SELECT asset_id, date_trunc('month', time) AS period, sum(value) AS supplied
  FROM drainage.water_supplied
  WHERE time >= $since AND time < $until
  GROUP BY asset_id, date_trunc('month', time)
) AS w
JOIN (
  SELECT s.target, date_trunc('month', v.time) AS period, sum(v.value) AS treated
  FROM drainage.treated_volume AS v JOIN drainage.serves AS s ON s.source = v.asset_id
  WHERE v.time >= $since AND v.time < $until
  GROUP BY s.target, date_trunc('month', v.time)
) AS t ON t.target = w.asset_id AND t.period = w.period
CROSS JOIN drainage.coefficient AS c
WHERE c.id = 'discharge_factor'
