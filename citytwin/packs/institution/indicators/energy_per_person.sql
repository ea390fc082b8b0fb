-- title_zh: 人均综合能耗
-- title_en: Energy per person
-- unit: kgce/person
-- per: base.region
-- every: year
-- better: lower
-- source_zh: 公共机构能源消费总量（含交通用油）除以12个月用能人数的平均值，等价值；仅计全部直报单位12个月均已报送的年份
-- source_en: energy_total (transport fuel in) over the mean of twelve monthly head counts, generation basis; only years in which every reporting body has reported all twelve months
WITH region AS (
  SELECT target AS region_id, count(*) AS bodies FROM institution.within GROUP BY target
)
SELECT r.region_id AS asset_id, date_trunc('year', e.period) AS period, 1000.0 * sum(e.value) / (sum(d.value) / 12.0) AS value
FROM institution.body_energy AS e
JOIN institution.body_persons AS d ON d.asset_id = e.asset_id AND date_trunc('month', d.time) = e.period
JOIN institution.within AS w ON w.source = e.asset_id
JOIN region AS r ON r.region_id = w.target
WHERE e.period >= $since AND e.period < $until AND d.time >= $since AND d.time < $until
GROUP BY r.region_id, date_trunc('year', e.period), r.bodies
HAVING count(*) = 12 * r.bodies
