-- title_zh: 直报月能源消费量（当量值）
-- title_en: Energy of a reporting body, calorific
-- unit: tce
-- per: reporting_body
-- every: month
-- better: lower
-- source_zh: GB/T 2589-2020，电力按当量值（0.1229 kgce/kWh），天然气1.29971 kgce/m³；计入外购电力、天然气和车辆汽柴油，不计自用光伏、用水和用热；四项未报齐前不出值
-- source_en: GB/T 2589-2020, electricity on calorific basis (0.1229 kgce/kWh), gas 1.29971 kgce/m3; electricity bought, natural gas, petrol and diesel of vehicles in; PV used on site, water and heat out; none before all four are reported
WITH used AS (
  SELECT asset_id, time, 'electricity' AS item, value FROM institution.body_electricity WHERE time >= $since AND time < $until
  UNION ALL
  SELECT asset_id, time, 'natural_gas' AS item, value FROM institution.body_natural_gas WHERE time >= $since AND time < $until
  UNION ALL
  SELECT asset_id, time, 'petrol' AS item, value FROM institution.body_petrol WHERE time >= $since AND time < $until
  UNION ALL
  SELECT asset_id, time, 'diesel' AS item, value FROM institution.body_diesel WHERE time >= $since AND time < $until
),
span AS (
  SELECT asset_id, item, value, date_trunc('month', time) AS period, CAST(date_trunc('month', time) AS DATE) AS first_day,
         CAST(date_trunc('month', time) + INTERVAL 1 MONTH AS DATE) AS next_day
  FROM used
)
SELECT s.asset_id, s.period,
       sum(s.value * f.value * (least(s.next_day, f.valid_to + 1) - greatest(s.first_day, f.valid_from)) / (s.next_day - s.first_day)) / 1000.0 AS value
FROM span AS s
JOIN institution.factor AS f ON f.kind = 'coal_equivalent' AND f.item = s.item AND f.basis IN ('calorific', 'any')
  AND (f.valid_from IS NULL OR f.valid_from < s.next_day) AND (f.valid_to IS NULL OR f.valid_to >= s.first_day)
GROUP BY s.asset_id, s.period
HAVING count(DISTINCT s.item) = 4
