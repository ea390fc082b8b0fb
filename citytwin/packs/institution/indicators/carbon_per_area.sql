-- title_zh: 单位建筑面积碳排放
-- title_en: Carbon dioxide per floor area
-- unit: kg/m2
-- per: base.region
-- every: year
-- better: lower
-- source_zh: 公共机构二氧化碳排放总量（含交通用油，省级平均因子）除以12个月建筑面积的平均值；仅计全部直报单位12个月均已报送的年份
-- source_en: carbon_total (transport fuel in, provincial average factors) over the mean of twelve monthly floor areas; only years in which every reporting body has reported all twelve months
WITH region AS (
  SELECT target AS region_id, count(*) AS bodies FROM institution.within GROUP BY target
)
SELECT r.region_id AS asset_id, date_trunc('year', e.period) AS period, 1000.0 * sum(e.value) / (sum(d.value) / 12.0) AS value
FROM institution.body_carbon AS e
JOIN institution.body_floor_area AS d ON d.asset_id = e.asset_id AND date_trunc('month', d.time) = e.period
JOIN institution.within AS w ON w.source = e.asset_id
JOIN region AS r ON r.region_id = w.target
WHERE e.period >= $since AND e.period < $until AND d.time >= $since AND d.time < $until
GROUP BY r.region_id, date_trunc('year', e.period), r.bodies
HAVING count(*) = 12 * r.bodies
