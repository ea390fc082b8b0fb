-- title_zh: 区域面雨量
-- title_en: Areal rainfall
-- unit: mm
-- per: region
-- every: day
-- better: neither
-- source_zh: 区域内各站日降雨量的算术平均值
-- source_en: arithmetic mean of the daily rainfall of the stations that lie in the region
SELECT l.target AS asset_id, r.period, avg(r.value) AS value
FROM base.rainfall_daily AS r JOIN base.lies_in AS l ON l.source = r.asset_id
WHERE r.period >= $since AND r.period < $until
GROUP BY l.target, r.period
