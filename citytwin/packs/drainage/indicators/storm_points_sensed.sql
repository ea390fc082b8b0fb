-- title_zh: 雨水管网感知点位数
-- title_en: Storm-network points sensed
-- unit: 1
-- per: base.region
-- every: month
-- better: higher
-- source_zh: 当月报来水位读数的雨水管网监测检查井数，有一次读数即计入
-- source_en: monitored manholes of the network that delivered a level reading in the month, a single one sufficing
SELECT r.target AS asset_id, date_trunc('month', y.period) AS period, count(DISTINCT y.asset_id) AS value
FROM drainage.data_yield AS y
JOIN drainage.manhole AS m ON m.asset_id = y.asset_id
JOIN base.lies_in AS r ON r.source = y.asset_id
WHERE y.period >= $since AND y.period < $until AND m.network = 'storm' AND m.monitored
GROUP BY r.target, date_trunc('month', y.period)
