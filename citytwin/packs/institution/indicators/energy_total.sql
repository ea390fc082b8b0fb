-- title_zh: 公共机构能源消费总量（等价值）
-- title_en: Energy of public institutions
-- unit: tce
-- per: base.region
-- every: year
-- better: lower
-- source_zh: 各直报单位月能源消费量之和：等价值，含交通用油，不含用水和自用光伏；仅计全部直报单位12个月均已报送的年份；规划171万吨标准煤的上限按此口径理解（假定，规划未注明）
-- source_en: sum of body_energy: generation basis, transport fuel in, water and PV used on site out; only years in which every reporting body has reported all twelve months; this is the basis on which the plan's cap of 1.71 Mtce is read (assumption: the plan names none)
WITH region AS (
  SELECT target AS region_id, count(*) AS bodies FROM institution.within GROUP BY target
)
SELECT r.region_id AS asset_id, date_trunc('year', e.period) AS period, sum(e.value) AS value
FROM institution.body_energy AS e
JOIN institution.within AS w ON w.source = e.asset_id
JOIN region AS r ON r.region_id = w.target
WHERE e.period >= $since AND e.period < $until
GROUP BY r.region_id, date_trunc('year', e.period), r.bodies
HAVING count(*) = 12 * r.bodies
