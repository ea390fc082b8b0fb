-- title_zh: 数据到报率
-- title_en: Data yield
-- unit: %
-- per: weather_station
-- every: day
-- better: higher
-- source_zh: 本站报出气温的时次数与任一站有报的时次数之比
-- source_en: times at which the station reported its temperature over times at which any station did
SELECT s.asset_id, s.period, 100.0 * s.own / n.every_station AS value
FROM (
  SELECT asset_id, date_trunc('day', time) AS period, count(*) AS own
  FROM base.temperature
  WHERE time >= $since AND time < $until
  GROUP BY asset_id, date_trunc('day', time)
) AS s
JOIN (
  SELECT date_trunc('day', time) AS period, count(DISTINCT time) AS every_station
  FROM base.temperature
  WHERE time >= $since AND time < $until
  GROUP BY date_trunc('day', time)
) AS n ON n.period = s.period
