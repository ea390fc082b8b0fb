-- title_zh: 人均用水量
-- title_en: Water per person
-- unit: m3/person
-- per: base.region
-- every: year
-- better: lower
-- source_zh: 上报用水量除以12个月用能人数的平均值；仅计全部直报单位12个月均已报送的年份
-- source_en: water reported over the mean of twelve monthly head counts; only years in which every reporting body has reported all twelve months
WITH region AS (
  SELECT target AS region_id, count(*) AS bodies FROM institution.within GROUP BY target
)
SELECT r.region_id AS asset_id, date_trunc('year', v.time) AS period, sum(v.value) / (sum(d.value) / 12.0) AS value
FROM institution.body_water AS v
JOIN institution.body_persons AS d ON d.asset_id = v.asset_id AND date_trunc('month', d.time) = date_trunc('month', v.time)
JOIN institution.within AS w ON w.source = v.asset_id
JOIN region AS r ON r.region_id = w.target
WHERE v.time >= $since AND v.time < $until AND d.time >= $since AND d.time < $until
GROUP BY r.region_id, date_trunc('year', v.time), r.bodies
HAVING count(*) = 12 * r.bodies
