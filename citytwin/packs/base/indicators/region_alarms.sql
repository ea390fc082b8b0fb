-- title_zh: 区域告警数
-- title_en: Alarms of a region
-- unit: 1
-- per: region
-- every: day
-- better: lower
-- source_zh: 当日区域内设施新发告警数，已被其他告警解释的不计；每位值班员每10分钟约1条为可接受（IEC 62682:2022；EEMUA 191）
-- source_en: alarms raised on the day at assets that lie in the region, without those that another alarm explains; about one in ten minutes is what an operator can answer (IEC 62682; EEMUA 191)
SELECT l.target AS asset_id, date_trunc('day', a.since) AS period, CAST(count(*) AS DOUBLE) AS value
FROM alarm AS a JOIN base.lies_in AS l ON l.source = a.asset_id
WHERE a.since >= $since AND a.since < $until AND a.parent IS NULL
GROUP BY l.target, date_trunc('day', a.since)
