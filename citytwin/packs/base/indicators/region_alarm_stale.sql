-- title_zh: 区域陈旧告警数
-- title_en: Stale alarms of a region
-- unit: 1
-- per: region
-- every: day
-- better: lower
-- source_zh: 当日终了时仍在且已持续超过24小时的告警数（有此类告警之日）；每日应少于5条，并有处置安排（ANSI/ISA-18.2-2016，16；EEMUA 191）
-- source_en: alarms that at the end of the day have stood for more than 24 hours (of days that end with any); there should be fewer than five, each with a plan (ANSI/ISA-18.2-2016, 16; EEMUA 191)
SELECT l.target AS asset_id, d.period, CAST(count(*) AS DOUBLE) AS value
FROM (SELECT DISTINCT s.period FROM stream_day AS s WHERE s.period >= $since AND s.period < $until) AS d
JOIN alarm AS a ON a.since < d.period AND (a.cleared IS NULL OR a.cleared >= d.period + INTERVAL '1' DAY)
JOIN base.lies_in AS l ON l.source = a.asset_id
WHERE a.parent IS NULL
GROUP BY l.target, d.period
