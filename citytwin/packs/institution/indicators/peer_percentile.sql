-- title_zh: 同类能耗强度百分位
-- title_en: Percentile among peers
-- unit: %
-- per: institution
-- every: month
-- better: lower
-- source_zh: 当月单位建筑面积能耗在同类机构中的中位秩，并列取平均；可比机构不足5家的不出值
-- source_en: mid-rank of energy_intensity among institutions of the kind in the month, ties averaged; none where fewer than five can be compared
WITH placed AS (
  SELECT x.asset_id, x.period,
         rank() OVER (PARTITION BY i.kind, x.period ORDER BY x.value) AS place,
         count(*) OVER (PARTITION BY i.kind, x.period, x.value) AS ties,
         count(*) OVER (PARTITION BY i.kind, x.period) AS peers
  FROM institution.energy_intensity AS x
  JOIN institution.institution AS i ON i.asset_id = x.asset_id
  WHERE x.period >= $since AND x.period < $until
)
SELECT asset_id, period, 100.0 * (place + (ties - 1) / 2.0 - 0.5) / peers AS value
FROM placed
WHERE peers >= 5
