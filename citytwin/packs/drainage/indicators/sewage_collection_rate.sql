-- title_zh: 城市生活污水集中收集率
-- title_en: Centralised collection rate of urban domestic sewage
-- unit: %
-- per: base.region
-- every: month
-- better: higher
-- source_zh: 进厂BOD5总量与城区用水总人口按每人每日45 g产生的BOD5总量之比，建城〔2019〕52号及其统计口径
-- source_en: BOD5 load that reaches the plants over 45 g per person and day of the urban population, Jiancheng (2019) 52 and its statistics
SELECT u.asset_id, u.period, 100.0 * b.bod_g / (u.persons * c.value * b.days) AS value
FROM (
  SELECT asset_id, date_trunc('month', time) AS period, avg(value) AS persons
  FROM drainage.urban_population
  WHERE time >= $since AND time < $until
  GROUP BY asset_id, date_trunc('month', time)
) AS u
JOIN (
  SELECT s.target, date_trunc('month', v.time) AS period, sum(v.value * q.value * f.value) AS bod_g,
         max(extract(day FROM v.time)) AS days
  FROM drainage.treated_volume AS v
  JOIN drainage.mean_influent_cod AS q ON q.asset_id = v.asset_id AND q.time = v.time
  JOIN drainage.bod_cod_ratio AS f ON f.asset_id = v.asset_id AND f.time = v.time
  JOIN drainage.serves AS s ON s.source = v.asset_id
  WHERE v.time >= $since AND v.time < $until AND q.time >= $since AND q.time < $until AND f.time >= $since AND f.time < $until
  GROUP BY s.target, date_trunc('month', v.time)
) AS b ON b.target = u.asset_id AND b.period = u.period
CROSS JOIN drainage.coefficient AS c
WHERE c.id = 'bod_per_person'
