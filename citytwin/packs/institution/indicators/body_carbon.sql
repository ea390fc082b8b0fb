-- title_zh: 直报月碳排放量
-- title_en: Carbon dioxide of a reporting body
-- unit: t
-- per: reporting_body
-- every: month
-- better: lower
-- source_zh: 电力采用已公布的当年省级平均因子（2021年及以前0.5834、2022年0.5849、2023年起0.5737 kg/kWh；2021年以前和2023年以后取现有最近年份），燃料采用国家发展改革委缺省值；计入外购电力、天然气和车辆汽柴油，不计自用光伏、用水和用热
-- source_en: electricity at the published provincial average of its year (0.5834 to 2021, 0.5849 in 2022, 0.5737 from 2023 kg/kWh; before 2021 and after 2023 the nearest one held), fuels at NDRC defaults; electricity bought, natural gas, petrol and diesel of vehicles in; PV used on site, water and heat out
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
JOIN institution.factor AS f ON f.kind = 'carbon_dioxide' AND f.item = s.item AND f.basis IN ('provincial', 'any')
  AND (f.valid_from IS NULL OR f.valid_from < s.next_day) AND (f.valid_to IS NULL OR f.valid_to >= s.first_day)
GROUP BY s.asset_id, s.period
HAVING count(DISTINCT s.item) = 4
