-- title_zh: 区域感知数据完整率
-- title_en: Completeness of a region's data
-- unit: %
-- per: region
-- every: day
-- better: higher
-- source_zh: 区域内全部设施各数据流当日可用读数与按申报间隔应到读数之比（每流不超过应到数），首日与当日不计
-- source_en: readings fit for use over those that the declared cadences make expected, over all streams of all assets that lie in the region (none counts for more than its due); not on a stream's first day, nor today
SELECT l.target AS asset_id, d.period, 100.0 * sum(least(d.n, d.expected)) / sum(d.expected) AS value
FROM stream_day AS d JOIN base.lies_in AS l ON l.source = d.asset_id
WHERE d.period >= $since AND d.period < $until
GROUP BY l.target, d.period
