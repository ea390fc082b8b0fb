-- title_zh: 公共机构能源消费总量（当量值）
-- title_en: Energy of public institutions, calorific
-- unit: tce
-- per: base.region
-- every: year
-- better: lower
-- source_zh: 各直报单位月能源消费量（当量值）之和：范围同等价值总量，电力按0.1229 kgce/kWh；仅计全部直报单位12个月均已报送的年份；不得与等价值口径的限额比较
-- source_en: sum of body_energy_calorific: the boundary of energy_total with electricity at 0.1229 kgce/kWh; only years in which every reporting body has reported all twelve months; never to be held against a limit on generation basis
WITH region AS (
  SELECT target AS region_id, count(*) AS bodies FROM institution.within GROUP BY target
)
SELECT r.region_id AS asset_id, date_trunc('year', e.period) AS period, sum(e.value) AS value
FROM institution.body_energy_calorific AS e
JOIN institution.within AS w ON w.source = e.asset_id
JOIN region AS r ON r.region_id = w.target
WHERE e.period >= $since AND e.period < $until
GROUP BY r.region_id, date_trunc('year', e.period), r.bodies
HAVING count(*) = 12 * r.bodies
