-- title_zh: 直报月交通用能
-- title_en: Transport energy of a reporting body
-- unit: tce
-- per: reporting_body
-- every: month
-- better: lower
-- source_zh: GB/T 2589-2020，汽油1.4714、柴油1.4571 kgce/kg；等价值与当量值相同
-- source_en: GB/T 2589-2020, petrol 1.4714 and diesel 1.4571 kgce/kg; the same on either basis
WITH used AS (
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
JOIN institution.factor AS f ON f.kind = 'coal_equivalent' AND f.item = s.item AND f.basis = 'any'
  AND (f.valid_from IS NULL OR f.valid_from < s.next_day) AND (f.valid_to IS NULL OR f.valid_to >= s.first_day)
GROUP BY s.asset_id, s.period
HAVING count(DISTINCT s.item) = 2
