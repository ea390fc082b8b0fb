-- title_zh: 单位建筑面积能耗
-- title_en: Energy per floor area
-- unit: kgce/m2
-- per: base.region
-- every: year
-- better: lower
-- source_zh: （公共机构能源消费总量－交通用油）除以12个月建筑面积的平均值，等价值；按DB37/T 2672-2019的(E－Egn－Ejt)/M形式，特殊用能未单独上报，不作扣除；仅计全部直报单位12个月均已报送的年份
-- source_en: (energy_total - transport fuel) over the mean of twelve monthly floor areas, generation basis; DB37/T 2672-2019 form (E - Egn - Ejt) / M without special loads, which are not reported apart; only years in which every reporting body has reported all twelve months
WITH region AS (
  SELECT target AS region_id, count(*) AS bodies FROM institution.within GROUP BY target
)
SELECT r.region_id AS asset_id, date_trunc('year', e.period) AS period, 1000.0 * (sum(e.value) - sum(t.value)) / (sum(d.value) / 12.0) AS value
FROM institution.body_energy AS e
JOIN institution.body_transport_energy AS t ON t.asset_id = e.asset_id AND t.period = e.period
JOIN institution.body_floor_area AS d ON d.asset_id = e.asset_id AND date_trunc('month', d.time) = e.period
JOIN institution.within AS w ON w.source = e.asset_id
JOIN region AS r ON r.region_id = w.target
WHERE e.period >= $since AND e.period < $until AND d.time >= $since AND d.time < $until
GROUP BY r.region_id, date_trunc('year', e.period), r.bodies
HAVING count(*) = 12 * r.bodies
