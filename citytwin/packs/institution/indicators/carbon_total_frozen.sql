-- title_zh: 公共机构二氧化碳排放总量（冻结2020年因子）
-- title_en: Carbon dioxide of public institutions, factors of 2020
-- unit: t
-- per: base.region
-- every: year
-- better: lower
-- source_zh: 同公共机构二氧化碳排放总量，固定采用2020年因子（0.5834 kg/kWh），其变化只反映活动量，与原指标之差为因子影响；仅计全部直报单位12个月均已报送的年份
-- source_en: carbon_total with the factors of 2020 held (0.5834 kg/kWh): what is left of a change is activity, the difference from carbon_total is the factor; only years in which every reporting body has reported all twelve months
WITH used AS (
  SELECT asset_id, time, 'electricity' AS item, value FROM institution.body_electricity WHERE time >= $since AND time < $until
  UNION ALL
  SELECT asset_id, time, 'natural_gas' AS item, value FROM institution.body_natural_gas WHERE time >= $since AND time < $until
  UNION ALL
  SELECT asset_id, time, 'petrol' AS item, value FROM institution.body_petrol WHERE time >= $since AND time < $until
  UNION ALL
  SELECT asset_id, time, 'diesel' AS item, value FROM institution.body_diesel WHERE time >= $since AND time < $until
),
region AS (
  SELECT target AS region_id, count(*) AS bodies FROM institution.within GROUP BY target
)
SELECT r.region_id AS asset_id, date_trunc('year', u.time) AS period, sum(u.value * f.value) / 1000.0 AS value
FROM used AS u
JOIN institution.factor AS f ON f.kind = 'carbon_dioxide' AND f.item = u.item AND f.basis IN ('provincial', 'any')
  AND (f.valid_from IS NULL OR f.valid_from <= DATE '2020-12-31') AND (f.valid_to IS NULL OR f.valid_to >= DATE '2020-12-31')
JOIN institution.within AS w ON w.source = u.asset_id
JOIN region AS r ON r.region_id = w.target
GROUP BY r.region_id, date_trunc('year', u.time), r.bodies
HAVING count(*) = 48 * r.bodies
