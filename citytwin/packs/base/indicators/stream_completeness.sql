-- title_zh: 数据完整率
-- title_en: Completeness of data
-- unit: %
-- per: weather_station
-- every: day
-- better: higher
-- source_zh: 本站各数据流当日可用读数与按申报间隔应到读数之比（每流不超过应到数），首日与当日不计
-- source_en: readings fit for use over those that the declared cadences make expected, over all streams of the station (none counts for more than its due); not on a stream's first day, nor today
SELECT d.asset_id, d.period, 100.0 * sum(least(d.n, d.expected)) / sum(d.expected) AS value
FROM stream_day AS d JOIN base.weather_station AS w ON w.asset_id = d.asset_id
WHERE d.period >= $since AND d.period < $until
GROUP BY d.asset_id, d.period
