-- title_zh: 外来水占比
-- title_en: Share of infiltration
-- unit: %
-- per: manhole
-- every: day
-- better: lower
-- source_zh: 夜间最小流量法，取2至5时小时均值的最小值（formulas.night_infiltration）；5时前12小时内降雨达1 mm的不出值
-- source_en: night-minimum method, lowest hourly mean from 2 to 5 h (formulas.night_infiltration); none after 1 mm of rain in the 12 h before 5 h
SELECT d.asset_id, d.period,
       greatest(0.0, least(100.0, 100.0 * (n.low / d.mean_flow - s.value) / (1 - s.value))) AS value
FROM (
  SELECT f.asset_id, date_trunc('day', f.time) AS period, avg(f.value) AS mean_flow, count(*) AS readings
  FROM drainage.flow AS f
  JOIN drainage.manhole AS m ON m.asset_id = f.asset_id
  WHERE m.network = 'sewage' AND f.time >= $since AND f.time < $until
  GROUP BY f.asset_id, date_trunc('day', f.time)
) AS d
JOIN (
  SELECT h.asset_id, date_trunc('day', h.hour) AS period, min(h.flow) AS low
  FROM (
    SELECT asset_id, date_trunc('hour', time) AS hour, avg(value) AS flow
    FROM drainage.flow
    WHERE time >= $since AND time < $until AND extract(hour FROM time) >= 2 AND extract(hour FROM time) < 5
    GROUP BY asset_id, date_trunc('hour', time)
  ) AS h
  GROUP BY h.asset_id, date_trunc('day', h.hour)
) AS n ON n.asset_id = d.asset_id AND n.period = d.period
LEFT JOIN (
  SELECT date_trunc('day', time + INTERVAL 7 HOUR) AS period, sum(value) / count(DISTINCT asset_id) AS depth_mm
  FROM base.rainfall
  WHERE time >= $since - INTERVAL 7 HOUR AND time < $until - INTERVAL 7 HOUR AND extract(hour FROM time + INTERVAL 7 HOUR) < 12
  GROUP BY date_trunc('day', time + INTERVAL 7 HOUR)
) AS r ON r.period = d.period
CROSS JOIN drainage.coefficient AS s
CROSS JOIN drainage.coefficient AS c
WHERE s.id = 'night_share' AND c.id = 'day_readings' AND d.readings >= c.value AND d.mean_flow > 0.0005
  AND coalesce(r.depth_mm, 0) < 1
