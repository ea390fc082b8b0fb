-- title_zh: 定额口径能耗强度
-- title_en: Energy intensity as its quota counts it
-- unit: kgce/m2
-- per: institution
-- every: month
-- better: lower
-- source_zh: 单位建筑面积能耗改用该机构定额规定的电力折标系数，并除以建筑面积与修正系数之积：取截至本月的12个月，各在用能源品种均有11个月以上（超过90%）账单的才折算为全年；无现行定额的不出值；天然气一律按1.29971 kgce/m³
-- source_en: energy_intensity with the electricity factor that the institution's quota prescribes and over floor area x corrections: the twelve months that end with this one, brought up to a year only where eleven or more (over 90 %) of them are billed for every carrier in use; none where no quota row is in force; gas always at 1.29971 kgce/m3
WITH bill AS (
  SELECT asset_id, time, 'electricity' AS item, value FROM institution.electricity_month
  WHERE time >= $since - INTERVAL 11 MONTH AND time < $until
  UNION ALL
  SELECT asset_id, time, 'natural_gas' AS item, value FROM institution.natural_gas_month
  WHERE time >= $since - INTERVAL 11 MONTH AND time < $until
),
coal AS (
  SELECT b.asset_id, b.item, date_trunc('month', b.time) AS bill_month, sum(b.value * f.value) AS kgce
  FROM bill AS b
  JOIN institution.institution AS i ON i.asset_id = b.asset_id
  JOIN institution.quota AS q ON q.id = i.quota
  JOIN institution.factor AS f ON f.kind = 'coal_equivalent' AND f.item = b.item AND f.basis IN (q.basis, 'any')
    AND (f.valid_from IS NULL OR f.valid_from <= CAST(b.time AS DATE)) AND (f.valid_to IS NULL OR f.valid_to >= CAST(b.time AS DATE))
  GROUP BY b.asset_id, b.item, date_trunc('month', b.time)
),
ending AS (
  SELECT DISTINCT bill_month FROM coal WHERE bill_month >= $since
),
rolling AS (
  SELECT c.asset_id, c.item, e.bill_month AS period, sum(c.kgce) * 12.0 / count(*) AS kgce, count(*) AS months
  FROM ending AS e
  JOIN coal AS c ON c.bill_month <= e.bill_month AND c.bill_month > e.bill_month - INTERVAL 12 MONTH
  GROUP BY c.asset_id, c.item, e.bill_month
)
SELECT r.asset_id, r.period, sum(r.kgce) / (i.floor_area_m2 * coalesce(i.quota_correction, 1)) AS value
FROM rolling AS r
JOIN institution.institution AS i ON i.asset_id = r.asset_id
JOIN institution.quota AS q ON q.id = i.quota
WHERE q.metric = 'energy_per_area' AND (q.valid_from IS NULL OR q.valid_from <= CAST(r.period AS DATE))
  AND q.valid_to >= CAST(r.period AS DATE)
GROUP BY r.asset_id, r.period, i.floor_area_m2, i.gas, i.quota_correction
HAVING min(r.months) >= 11 AND count(*) = CASE WHEN i.gas THEN 2 ELSE 1 END
