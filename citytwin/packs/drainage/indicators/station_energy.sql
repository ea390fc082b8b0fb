-- title_zh: 泵站单位水量电耗
-- title_en: Energy per volume pumped
-- unit: kWh/m3
-- per: pump_station
-- every: day
-- better: lower
-- source_zh: 当日用电量与当日抽升水量之比；当日未抽水的不出值
-- source_en: electricity of the day over water pumped in the day; none on days without pumping
SELECT e.asset_id, e.period, e.kwh / v.volume_m3 AS value
FROM (
  SELECT asset_id, date_trunc('day', time) AS period, sum(value) / 12.0 AS kwh
  FROM drainage.power
  WHERE time >= $since AND time < $until
  GROUP BY asset_id, date_trunc('day', time)
) AS e
JOIN (
  SELECT asset_id, date_trunc('day', time) AS period, sum(value) * 300 AS volume_m3
  FROM drainage.pumped_flow
  WHERE time >= $since AND time < $until
  GROUP BY asset_id, date_trunc('day', time)
) AS v ON v.asset_id = e.asset_id AND v.period = e.period
WHERE v.volume_m3 > 1
